"""What a file could take by other rules, each in a few lines: ``python -m benchmarks.storage.reference``.

``bound FILE``: each tensor's exponents at their order-0 entropy and all else raw, as in ``benchmarks.model``.
``bitx FILE BASE``: XOR with the base's tensor, byte planes, zstd 3, as BitX does (arXiv:2505.06252).
Both as bytes, in JSON; the header counts in both.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import zstandard

Bytes = npt.NDArray[np.uint8]
_WIDTH = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "BF16": 2, "F16": 2}


def tensors(file: Path) -> tuple[int, Iterator[tuple[str, str, Bytes]]]:
    """Bytes before the tensors; name, dtype and raw bytes of each."""
    data = np.memmap(file, np.uint8, "r")
    length = int(data[:8].view("<u8")[0])
    start = 8 + length
    header = json.loads(bytes(data[8:start]))
    header.pop("__metadata__", None)

    def each() -> Iterator[tuple[str, str, Bytes]]:
        for name, entry in header.items():
            begin, end = entry["data_offsets"]
            yield name, entry["dtype"], data[start + begin : start + end]

    return start, each()


def bound(file: Path) -> float:
    total, each = tensors(file)
    size = float(total)
    for _, dtype, raw in each:
        size += len(raw)
        if dtype == "BF16":
            exponents = (raw.view("<u2") >> 7) & 0xFF
            counts = np.bincount(exponents, minlength=256)
            share = counts[counts > 0] / len(exponents)
            size -= len(exponents) * (1 + (share * np.log2(share)).sum() / 8)
    return size


def bitx(file: Path, base: Path) -> int:
    coder = zstandard.ZstdCompressor(level=3)
    size, each = tensors(file)
    under = {name: raw for name, _, raw in tensors(base)[1]}
    for name, dtype, raw in each:
        old = under.get(name)
        difference = raw ^ old if old is not None and len(old) == len(raw) else raw
        width = _WIDTH.get(dtype, 1)
        for plane in range(width):
            part = difference[plane::width].tobytes()
            size += min(len(coder.compress(part)), len(part))
    return size


if __name__ == "__main__":
    asked, *files = sys.argv[1:]
    answer = bound(Path(files[0])) if asked == "bound" else bitx(Path(files[0]), Path(files[1]))
    print(json.dumps(answer))
