"""A safetensors file of equal BF16 tensors, of which the next version changes some.

``python -m benchmarks.uniform FILE --tensors 100000 --bytes 512 [--changed 100]``. Values are normal, as in a
trained layer; with ``--changed N`` every Nth tensor, beginning with the last, is drawn anew.
"""

from __future__ import annotations

import argparse
import json
from typing import BinaryIO

import numpy as np

_SEED = 20240229
_SPREAD = np.float32(0.02)
#: Bytes drawn at once.
_BLOCK = 1 << 24


def write(file: BinaryIO, tensors: int, size: int, changed: int = 0) -> None:
    """Write ``tensors`` tensors of ``size`` bytes, a multiple of 16."""
    file.write(_header(tensors, size))
    at_once = max(1, _BLOCK // size)
    for start in range(0, tensors, at_once):
        count = min(at_once, tensors - start)
        block = values((start,), count * size).reshape(count, -1)
        fresh = [n for n in range(count) if changed and (tensors - 1 - start - n) % changed == 0]
        for number in fresh:
            block[number] = values((start + number, changed), size)
        file.write(block.data)


def values(seed: tuple[int, ...], size: int) -> np.ndarray[tuple[int], np.dtype[np.uint16]]:
    """``size`` bytes of BF16, the same for the same ``seed``."""
    draw = np.random.default_rng((_SEED, *seed))
    values = draw.standard_normal(size // 2, np.float32) * _SPREAD
    return (values.view(np.uint32) >> 16).astype("<u2")


def _header(tensors: int, size: int) -> bytes:
    table: dict[str, object] = {"__metadata__": {"format": "pt"}}
    for number in range(tensors):
        name = f"model.layers.{number // 100}.block.{number % 100}.weight"
        place = [number * size, (number + 1) * size]
        table[name] = {"dtype": "BF16", "shape": [size // 16, 8], "data_offsets": place}
    text = json.dumps(table, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("file")
    parser.add_argument("--tensors", type=int, required=True)
    parser.add_argument("--bytes", type=int, required=True, help="of each tensor")
    parser.add_argument("--changed", type=int, default=0, help="change every so manyth tensor")
    arguments = parser.parse_args()
    with open(arguments.file, "wb") as file:
        write(file, arguments.tensors, arguments.bytes, arguments.changed)


if __name__ == "__main__":
    main()
