"""Compress a small language model in waves, find the one that broke it, take it back; as on a command line."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parents[2] / ".cache" / "compression"
#: Signs the demo's commits, unless the environment says who you are.
NOBODY = {"NAME": "Demo", "EMAIL": "demo@example.com"}
#: What a model needs besides its weights.
SIDECARS = ("config.json", "tokenizer.json", "tokenizer_config.json")

#: In front of what may be refused stands a minus; the tour goes on.
TOUR = """
mvc init
mvc add model.safetensors config.json tokenizer.json tokenizer_config.json
mvc commit -m 'As trained'
mvc compress prune --waves 3 --to 60% --schedule linear --data known.txt --length 128 --judged 16
mvc compress --wave --data numbers.txt
-mvc compress --wave --data known.txt
mvc bisect start HEAD HEAD~2
mvc bisect run --metric perplexity --data held.txt --max-increase 2%
mvc bisect reset
mvc bisect run --metric perplexity --data held.txt --max-increase 2% --layers HEAD
mvc revert --no-edit HEAD
mvc compress status
mvc compress --wave --data known.txt
mvc compress --wave --dry-run
-mvc compress --wave
-mvc compress --wave
-mvc compress heal --steps 80 --rate 0.0005 --samples 200 --data known.txt --length 128 --judged 16
-mvc compress quantize --format int4 --group-size 96 --data known.txt --length 128 --judged 16
-mvc compress rerun HEAD --verify
mvc compress status
"""


def main() -> None:
    """The whole tour."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--model",
        type=Path,
        help="a folder with another language model, known.txt, held.txt and numbers.txt",
    )
    model = parser.parse_args().model
    shutil.rmtree(HERE, ignore_errors=True)
    HERE.mkdir(parents=True)
    if model is None:
        shutil.copy(Path(__file__).parent / "prepare.py", HERE)
        run("python prepare.py")
    else:
        for name in ("model.safetensors", *SIDECARS, "known.txt", "held.txt", "numbers.txt"):
            shutil.copy(model / name, HERE)
    for line in TOUR.strip().splitlines():
        run(line.removeprefix("-"), may_fail=line.startswith("-"))
    print(f"\nthe repository is {HERE}")


def run(line: str, *, may_fail: bool = False) -> None:
    """Show and run a command; a failure ends the demo, unless it is one that the guard may refuse."""
    print(f"\n$ {line}", flush=True)
    words = shlex.split(line)
    program = [sys.executable, "-m", "mvc"] if words[0] == "mvc" else [sys.executable]
    people = {f"GIT_{role}_{k}": v for role in ("AUTHOR", "COMMITTER") for k, v in NOBODY.items()}
    # One thread: the matrices are small, and several get into each other's way.
    environment = {**people, "OMP_NUM_THREADS": "1", **os.environ}
    subprocess.run([*program, *words[1:]], cwd=HERE, env=environment, check=not may_fail)


if __name__ == "__main__":
    main()
