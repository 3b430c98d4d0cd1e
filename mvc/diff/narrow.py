"""Statistics of elements of at most 8 bits: count every pair (old, new), then compute on the table.

A pair of bytes has 65,536 values, so that one histogram holds all there is to know; the arithmetic is done
once per pair that occurs, exactly weighted. F4 and F6 elements are unpacked, lowest bits first.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mvc.arrays import numpy_dtype, unpack
from mvc.diff.pairing import Bytes, pairs
from mvc.diff.scratch import Scratch
from mvc.diff.stats import Sums
from mvc.dtypes import DTYPES

#: Elements of a block.
BLOCK = 1 << 16


def code_values(dtype: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The value of each code of a dtype of at most 8 bits; a BOOL is its byte."""
    codes = np.arange(1 << DTYPES[dtype].bits, dtype=np.uint8)
    return codes.view(numpy_dtype("U8" if dtype == "BOOL" else dtype)).astype(np.float64)


def compare_narrow(
    dtype: str, old: Iterator[memoryview], new: Iterator[memoryview], scratch: Scratch
) -> Sums:
    """The sums over two tensors of one dtype of at most 8 bits."""
    counts = np.zeros(1 << 16, np.int64)
    pair = scratch.array("a", BLOCK, np.uint16)
    index = scratch.array("b", BLOCK, np.intp)
    for raw_a, raw_b in pairs((dtype, dtype), old, new, BLOCK, scratch):
        a, b = _codes(dtype, raw_a), _codes(dtype, raw_b)
        part = pair[: len(a)]
        np.copyto(part, b)
        np.left_shift(part, 8, out=part)
        np.bitwise_or(part, a, out=part)
        np.copyto(index[: len(a)], part)
        counts += np.bincount(index[: len(a)], minlength=len(counts))
    return _evaluate(code_values(dtype), counts)


def _codes(dtype: str, raw: Bytes) -> Bytes:
    return raw if DTYPES[dtype].bits == 8 else unpack(dtype, raw)


def _evaluate(
    values: np.ndarray[tuple[int], np.dtype[np.float64]],
    counts: np.ndarray[tuple[int], np.dtype[np.int64]],
) -> Sums:
    seen = np.flatnonzero(counts)
    weight = counts[seen]
    old, new = seen & 255, seen >> 8
    a, b = values[old], values[new]
    sums = Sums()
    sums.elements = int(weight.sum())
    sums.changed = int(weight[old != new].sum())
    sums.old_nonfinite = int(weight[~np.isfinite(a)].sum())
    sums.new_nonfinite = int(weight[~np.isfinite(b)].sum())
    finite = np.isfinite(a) & np.isfinite(b)
    if finite.any():
        a, b, weight = a[finite], b[finite], weight[finite]
        sums.old_square.add(float(weight @ (a * a)))
        sums.new_square.add(float(weight @ (b * b)))
        sums.product.add(float(weight @ (a * b)))
        sums.difference_square.add(float(weight @ (b - a) ** 2))
        # The rank among the dtype's values counts its steps, and holds -0 and +0 for one.
        ladder = np.unique(values[np.isfinite(values)])
        steps = np.searchsorted(ladder, b) - np.searchsorted(ladder, a)
        sums.largest(float(np.abs(b - a).max()), int(np.abs(steps).max()))
    return sums
