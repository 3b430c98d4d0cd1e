"""Write the family and print its facts: ``python -m benchmarks.families [FOLDER]``."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.families import family, make


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path, nargs="?", default=family.FOLDER)
    family.options(parser)
    arguments = parser.parse_args()
    for fact in make.write(arguments.encoder, arguments.folder, arguments.steps):
        print(fact)


if __name__ == "__main__":
    main()
