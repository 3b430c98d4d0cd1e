"""Statistics of elements of 16 bits and more, streamed: one block of each side in memory at a time.

All temporaries are scratch. Blocks are small enough for it to stay in the processor's caches, and large
enough for the interpreter not to matter: 131,072 elements are half as fast again as 32,768.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from mvc.arrays import numpy_dtype, unpack
from mvc.diff.casting import rounding
from mvc.diff.distance import Distance, measure
from mvc.diff.narrow import code_values
from mvc.diff.pairing import Bytes, pairs
from mvc.diff.scratch import Numbers, Scratch
from mvc.diff.stats import Sums
from mvc.dtypes import DTYPES

#: Elements of a block.
BLOCK = 1 << 17
#: OpenBLAS hands dot products of more than 10,000 numbers to threads of its own, which fight ours.
_ROW = 1 << 13
#: Of fewer than one in so many it is quicker to pick them than to compute all.
_FEW = 32
#: A sum of squares in between has neither overflowed nor lost digits to underflow.
_LEAST, _MOST = 2.0**-800, 2.0**1000
#: Squares of norms that differ by more would cancel in the law of cosines.
_ALIKE = 2.0**-10


def compare_wide(
    dtypes: tuple[str, str],
    old: Iterator[memoryview],
    new: Iterator[memoryview],
    scratch: Scratch,
) -> Sums:
    """The sums over two tensors; with two dtypes, over their values as float64."""
    kernel = _Kernel(*dtypes, scratch)
    with np.errstate(all="ignore"):
        for a, b in pairs(dtypes, old, new, BLOCK, scratch):
            kernel.add(a, b)
    return kernel.sums


class _Kernel:
    """Takes in a block after the other; a block's numbers are its elements, or the parts of complex ones."""

    def __init__(self, old_dtype: str, new_dtype: str, scratch: Scratch) -> None:
        self.sums = Sums()
        self._parts = 2 if old_dtype == "C64" else 1
        numbers = BLOCK * self._parts
        self._a, self._b, self._d = (
            scratch.array(role, numbers, np.float64) for role in ("a", "b", "d")
        )
        self._differs = scratch.array("differs", numbers, np.bool_)
        self._read_old, self._read_new = reader(old_dtype, scratch), reader(new_dtype, scratch)
        self._same = old_dtype == new_dtype
        self._measure = measure(old_dtype) if self._same else None
        self._steps = _Steps(old_dtype, numbers, scratch) if self._same else None
        self._rounding = None if self._same else rounding(old_dtype, new_dtype)
        self.sums.recast = not self._same
        self.sums.rounded = self._rounding is not None
        self._element = np.dtype(f"<u{max(1, DTYPES[old_dtype].bits // 8)}")
        # Squares of all dtypes but F64 fit float64, so that a sum of 0 is one of zeros.
        self._fits = "F64" not in (old_dtype, new_dtype)

    def add(self, raw_a: Bytes, raw_b: Bytes) -> None:
        """Take in the next block."""
        found = self._measure and self._measure.between(raw_a, raw_b)
        if found:
            self._add_measured(found, raw_a.size)
            return
        a = self._read_old(raw_a, self._a)
        self.sums.elements += len(a) // self._parts
        if self._same:
            changed = self._count_differing(raw_a.view(self._element), raw_b.view(self._element))
            if not changed:
                self._add_equal(a)
                return
            b = self._read_new(raw_b, self._b)
        else:
            b = self._read_new(raw_b, self._b)
            changed = self._count_differing(a, b) - _count(np.isnan(a) & np.isnan(b))
            if self.sums.rounded and self._rounding is not None:
                self.sums.rounded = self._rounding(raw_a, raw_b)
        self.sums.changed += changed
        self._add_changed(a, b, None if self._steps is None else self._steps.between(raw_a, raw_b))

    def _count_differing(self, a: Numbers, b: Numbers) -> int:
        return _count(np.not_equal(a, b, out=self._differs[: len(a)]))

    def _add_measured(self, found: Distance, size: int) -> None:
        self.sums.elements += size // self._element.itemsize
        self.sums.changed += found.changed
        self.sums.old_square.add(found.old_square)
        self.sums.new_square.add(found.new_square)
        self.sums.product.add(found.product)
        self.sums.difference_square.add(found.difference_square)
        self.sums.largest(found.max_abs, found.max_ulp)

    def _add_equal(self, a: Numbers) -> None:
        square = dot(a, a)
        if not self._sound(square):
            self._add_carefully(a, a, np.zeros(len(a)), np.zeros(len(a), np.uint8))
            return
        for total in (self.sums.old_square, self.sums.new_square, self.sums.product):
            total.add(square)
        self.sums.largest(0.0, 0)

    def _add_changed(self, a: Numbers, b: Numbers, steps: Numbers | None) -> None:
        d = self._d[: len(a)]
        if steps is not None and self._steps is not None and self._steps.exact:
            np.copyto(
                d, steps
            )  # float64 copies of 64-bit integers are rounded, their difference not
        else:
            np.subtract(b, a, out=d)
        old, new, difference = dot(a, a), dot(b, b), dot(d, d)
        if not (self._sound(old) and self._sound(new) and self._sound(difference)):
            self._add_carefully(a, b, d, steps)
            return
        self.sums.old_square.add(old)
        self.sums.new_square.add(new)
        if _ALIKE * old < new < old / _ALIKE:
            # a·b by the law of cosines: as good as a dot product, and one pass less.
            self.sums.product.add((old + new - difference) / 2)
        else:
            self.sums.product.add(dot(a, b))
        self.sums.difference_square.add(difference)
        largest = max(float(d.max()), -float(d.min()))
        self.sums.largest(largest, None if steps is None else int(steps.max()))

    def _sound(self, square: float) -> bool:
        return _LEAST < square < _MOST or (square == 0 and self._fits)

    def _add_carefully(self, a: Numbers, b: Numbers, d: Numbers, steps: Numbers | None) -> None:
        """A block with NaN, infinities, or squares that float64 can't hold."""
        a_finite, b_finite = np.isfinite(a), np.isfinite(b)
        self.sums.old_nonfinite += len(a) - _count(a_finite)
        self.sums.new_nonfinite += len(b) - _count(b_finite)
        finite = a_finite & b_finite
        if not finite.any():
            return
        a, b, d = a[finite], b[finite], d[finite]
        halved = int(not np.isfinite(d).all())
        if halved:
            d = b / 2 - a / 2
        (a, a_exponent), (b, b_exponent), (d, d_exponent) = map(_normal, (a, b, d))
        d_exponent += halved
        self.sums.old_square.add(dot(a, a), 2 * a_exponent)
        self.sums.new_square.add(dot(b, b), 2 * b_exponent)
        self.sums.product.add(dot(a, b), a_exponent + b_exponent)
        self.sums.difference_square.add(dot(d, d), 2 * d_exponent)
        largest = float(np.ldexp(np.abs(d).max(), d_exponent))
        self.sums.largest(largest, None if steps is None else int(steps[finite].max()))


class _Steps:
    """How many values of the dtype lie between two numbers: their distance as sign-ordered integers."""

    def __init__(self, dtype: str, numbers: int, scratch: Scratch) -> None:
        width = DTYPES[dtype].word
        self._float = DTYPES[dtype].signed_float
        self._bits: np.dtype[Any] = np.dtype(f"<u{width}")
        self._signed: np.dtype[Any] = np.dtype(f"<i{width}")
        # Signed integers are compared as such; their difference as unsigned can't overflow.
        self._compared = self._signed if dtype.startswith("I") else self._bits
        self._a, self._b = (scratch.array(role, numbers, self._bits) for role in ("high", "low"))
        self.exact = not self._float

    def between(self, raw_a: Bytes, raw_b: Bytes) -> Numbers:
        """Unsigned distances, valid until the next call."""
        a, b = raw_a.view(self._bits), raw_b.view(self._bits)
        distance, low = self._a[: len(a)], self._b[: len(a)]
        x, y = a.view(self._compared), b.view(self._compared)
        np.maximum(x, y, out=distance.view(self._compared))
        np.minimum(x, y, out=low.view(self._compared))
        np.subtract(distance, low, out=distance)
        if self._float:
            # Numbers of one sign are as far apart as their bits. Of two, where each is from zero counts.
            across = np.bitwise_xor(a, b, out=low).view(self._signed) < 0
            many = _count(across)
            top = self._bits.type(np.iinfo(self._signed).max)
            if many > len(a) // _FEW:
                np.bitwise_and(a, top, out=low)
                low += b & top
                np.copyto(distance, low, where=across)
            elif many:
                where = np.flatnonzero(across)
                distance[where] = (a[where] & top) + (b[where] & top)
        return distance


def reader(dtype: str, scratch: Scratch) -> Callable[[Bytes, Numbers], Numbers]:
    """A function that fills float64 scratch with the numbers of a block and gives back what it filled."""
    if DTYPES[dtype].bits <= 8:
        values = code_values(dtype)

        def look_up(raw: Bytes, out: Numbers) -> Numbers:
            codes = raw if DTYPES[dtype].bits == 8 else unpack(dtype, raw)
            return np.take(values, codes, out=out[: len(codes)], mode="clip")

        return look_up
    if dtype == "BF16":
        single = scratch.array("single", BLOCK, np.uint32)

        def widen(raw: Bytes, out: Numbers) -> Numbers:
            # The upper half of an F32. ml_dtypes' own cast holds the interpreter's lock.
            part = single[: len(raw) // 2]
            np.copyto(part, raw.view("<u2"))
            np.left_shift(part, 16, out=part)
            np.copyto(out[: len(part)], part.view(np.float32))
            return out[: len(part)]

        return widen
    element = np.dtype("<f4") if dtype == "C64" else numpy_dtype(dtype)

    def convert(raw: Bytes, out: Numbers) -> Numbers:
        numbers = raw.view(element)
        np.copyto(out[: len(numbers)], numbers)
        return out[: len(numbers)]

    return convert


def _count(mask: Numbers) -> int:
    return int(np.count_nonzero(mask))


def dot(a: Numbers, b: Numbers) -> float:
    """The dot product, in rows that OpenBLAS does not spread over threads."""
    whole = len(a) - len(a) % _ROW
    rows = np.vecdot(a[:whole].reshape(-1, _ROW), b[:whole].reshape(-1, _ROW))
    return float(rows.sum()) + float(np.dot(a[whole:], b[whole:]))


def _normal(numbers: Numbers) -> tuple[Numbers, int]:
    """``(x, e)`` with ``numbers == x * 2**e`` and the largest |x| in [0.5, 1)."""
    exponent = math.frexp(float(np.abs(numbers).max()))[1]
    return np.ldexp(numbers, -exponent), exponent
