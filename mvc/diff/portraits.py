"""The change of one tensor in more detail than its numbers: how large the differences are, how many zeros.

One pass over both versions, a block in memory. Differences are counted by their binary exponent, which needs
no range to be known before, and holds 1e-30 and 1e30 alike.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mvc.diff.pairing import pairs
from mvc.diff.scratch import Scratch
from mvc.diff.wide import BLOCK, reader
from mvc.values import dataclass

#: Powers of two below the largest difference that are told apart.
_OCTAVES = 24
#: The exponent field of a float64 begins at this bit, and is biased by so much.
_MANTISSA, _BIAS = 52, 1023


@dataclass(frozen=True, slots=True)
class Bin:
    """Differences d with 2**exponent <= |d| < 2**(exponent + 1), negative and positive; in the first bin of
    a histogram also those that are smaller."""

    exponent: int
    negative: int
    positive: int


@dataclass(frozen=True, slots=True)
class Portrait:
    """``elements`` are numbers: a complex element counts as two. ``equal`` did not change in value;
    ``bins`` rise; what is not finite on a side is in none. ``old_zeros`` and ``new_zeros`` count zeros."""

    elements: int
    equal: int
    bins: tuple[Bin, ...]
    old_zeros: int
    new_zeros: int


def portray(
    dtypes: tuple[str, str],
    old: Iterator[memoryview],
    new: Iterator[memoryview],
    scratch: Scratch,
) -> Portrait:
    """The portrait of a change, from row-major bytes in pieces.

    Raises:
        CorruptPack: the two sides hold different numbers of elements.
        MvcError: whatever reading a piece raises.
    """
    parts = 2 if dtypes[0] == "C64" else 1
    read_old, read_new = (reader(dtype, scratch) for dtype in dtypes)
    a_space, b_space = (scratch.array(role, BLOCK * parts, np.float64) for role in ("a", "b"))
    counts = np.zeros(4096, np.int64)
    elements = old_zeros = new_zeros = 0
    with np.errstate(all="ignore"):
        for raw_a, raw_b in pairs(dtypes, old, new, BLOCK, scratch):
            a, b = read_old(raw_a, a_space), read_new(raw_b, b_space)
            elements += len(a)
            old_zeros += len(a) - int(np.count_nonzero(a))
            new_zeros += len(b) - int(np.count_nonzero(b))
            np.subtract(b, a, out=b)
            # Sign and exponent are the twelve highest bits.
            fields = np.right_shift(b.view(np.uint64), _MANTISSA, out=b.view(np.uint64))
            counts += np.bincount(fields.view(np.int64), minlength=4096)
    return Portrait(elements, int(counts[0] + counts[2048]), _bins(counts), old_zeros, new_zeros)


def _bins(counts: np.ndarray[tuple[int], np.dtype[np.int64]]) -> tuple[Bin, ...]:
    positive, negative = counts[1:2047].copy(), counts[2049:4095].copy()
    seen = np.flatnonzero(positive + negative)
    if not len(seen):
        return ()
    last = int(seen[-1])
    first = max(int(seen[0]), last - _OCTAVES + 1)
    for half in (positive, negative):
        half[first] += half[:first].sum()
    return tuple(
        Bin(n + 1 - _BIAS, int(negative[n]), int(positive[n])) for n in range(first, last + 1)
    )
