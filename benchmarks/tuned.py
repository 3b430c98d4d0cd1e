"""A BF16 model after some training: every weight moved by a little, half of them by less than its rounding.

``python -m benchmarks.tuned FROM TO [--seed N]``, of files that ``benchmarks.model`` wrote; the same each time.
"""

from __future__ import annotations

import argparse
from typing import BinaryIO

import numpy as np

_SEED = 20240301
#: Standard deviation of a step, as a share of the weight.
_STEP = np.float32(0.004)
#: Values drawn at once.
_BLOCK = 1 << 20


def tune(source: BinaryIO, target: BinaryIO, seed: int = 0) -> None:
    head = source.read(8)
    target.write(head)
    target.write(source.read(int.from_bytes(head, "little")))
    draw = np.random.default_rng(_SEED + seed)
    while data := source.read(2 * _BLOCK):
        bits = np.frombuffer(data, "<u2").astype(np.uint32) << 16
        values = bits.view(np.float32)
        values *= 1 + _STEP * draw.standard_normal(len(values), np.float32)
        bits += 0x7FFF + ((bits >> 16) & 1)
        target.write((bits >> 16).astype("<u2").data)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("source")
    parser.add_argument("target")
    parser.add_argument("--seed", type=int, default=0, help="another training")
    arguments = parser.parse_args()
    with open(arguments.source, "rb") as source, open(arguments.target, "wb") as target:
        tune(source, target, arguments.seed)


if __name__ == "__main__":
    main()
