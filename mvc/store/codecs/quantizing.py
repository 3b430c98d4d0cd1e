"""What quantizers do, in arithmetic that is the same on every machine: from floats to small integers.

Every step is one IEEE 754 operation in single precision: a division, a product, a rounding; their order is
part of the recipe, nothing is fused. A *row* is the run of elements that share a scale: a tensor's row, a
group of it, or all of it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int16]
Words = npt.NDArray[Any]

F32, BF16, F16 = 1, 2, 3
#: Formats of the floats, and the bytes of one.
WIDTHS = {F32: 4, BF16: 2, F16: 2}

#: Where a row's scale comes from, and what is done with it. ``a`` is the largest magnitude of the row, ``m``
#: the recipe's ``most``. LISTED: from the payload; elements are divided by it. DIVIDE: a / m, divided by.
#: INVERT: 1 / (a / m), multiplied by. MULTIPLY: m / a, multiplied by. RECIPROCAL: (1 / a) × m, multiplied by.
#: NORMALIZE: a, divided by, then multiplied by m. SPREAD: (highest - lowest) / m, divided by, with zero at
#: ``low`` - round(lowest / scale); 0 counts among the elements.
LISTED, DIVIDE, INVERT, MULTIPLY, RECIPROCAL, NORMALIZE, SPREAD = range(7)
#: Those whose scales are multiplied by.
FACTORS = (INVERT, MULTIPLY, RECIPROCAL)

#: Steps that are rounded to the floats' own format: the scale, the quotient. And: halves go away from zero,
#: not to even.
NARROW_SCALE, NARROW_QUOTIENT, AWAY = 1, 2, 4


class Recipe(NamedTuple):
    """How integers come from floats: round(element / scale) + zero, held between ``low`` and ``high``."""

    origin: int
    steps: int
    most: float
    low: int
    high: int
    zero: int


class Scales(NamedTuple):
    """One of each for every row: what its elements are divided or multiplied by, and the integer of zero."""

    scale: Floats
    zero: Integers


class Rows(NamedTuple):
    """How ``number`` elements lie in rows of ``row``: the first ``lead`` end a row begun before."""

    number: int
    row: int
    lead: int

    @property
    def whole(self) -> int:
        """Rows of which the frame has every element."""
        return max(0, self.number - self.lead) // self.row

    @property
    def ragged(self) -> list[tuple[int, int]]:
        """Beginning and end of the rows that the frame cuts."""
        end = self.lead + self.whole * self.row
        cut = ((0, min(self.lead, self.number)), (end, self.number))
        return [(start, stop) for start, stop in cut if start < stop]


def floats(data: memoryview, form: int) -> Floats:
    """Words of a format as single precision, which holds each of them."""
    if form == F32:
        return np.frombuffer(data, "<f4")
    if form == BF16:
        return (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4")
    with np.errstate(invalid="ignore"):
        return np.frombuffer(data, "<f2").astype("<f4")


def scales(recipe: Recipe, rows: Floats, form: int) -> Scales:
    """The scales of whole rows, by a recipe of which they are not listed."""
    with np.errstate(all="ignore"):
        most = np.float32(recipe.most)
        if recipe.origin == SPREAD:
            lowest = np.minimum(rows.min(axis=1), np.float32(0))
            highest = np.maximum(rows.max(axis=1), np.float32(0))
            scale = _stepped(highest - lowest, recipe, NARROW_SCALE, form)
            scale = _stepped(scale / most, recipe, NARROW_SCALE, form)
            offset = recipe.low - _integer(lowest / scale, recipe)
            return Scales(scale, np.clip(offset, recipe.low, recipe.high).astype(np.int16))
        largest = np.maximum(rows.max(axis=1), -rows.min(axis=1))
        if recipe.origin == NORMALIZE:
            scale = largest
        elif recipe.origin == MULTIPLY:
            scale = _stepped(most / largest, recipe, NARROW_SCALE, form)
        elif recipe.origin == RECIPROCAL:
            scale = _stepped(np.float32(1) / largest, recipe, NARROW_SCALE, form)
            scale = _stepped(scale * most, recipe, NARROW_SCALE, form)
        else:
            scale = _stepped(largest / most, recipe, NARROW_SCALE, form)
            if recipe.origin == INVERT:
                scale = _stepped(np.float32(1) / scale, recipe, NARROW_SCALE, form)
        return Scales(scale, np.full(len(scale), recipe.zero, np.int16))


def quantized(recipe: Recipe, rows: Floats, found: Scales, form: int) -> Integers:
    """The integers of rows; zero's where a quotient is no number."""
    scale = found.scale[:, None]
    with np.errstate(all="ignore"):
        quotient = rows * scale if recipe.origin in FACTORS else rows / scale
        quotient = _stepped(quotient, recipe, NARROW_QUOTIENT, form)
        if recipe.origin == NORMALIZE:
            quotient *= np.float32(recipe.most)
            quotient = _stepped(quotient, recipe, NARROW_QUOTIENT, form)
        integers = _integer(quotient, recipe)
    integers += found.zero[:, None]
    return np.clip(integers, recipe.low, recipe.high, out=integers)


def narrowed(values: Floats, form: int) -> Floats:
    """Rounded to nearest even in another format."""
    if form == F32:
        return values
    if form == F16:
        return values.astype("<f2").astype("<f4")
    words = values.view("<u4")
    even = words >> np.uint32(16) & np.uint32(1)
    return (words + np.uint32(0x7FFF) + even & np.uint32(0xFFFF0000)).view("<f4")


def _stepped(values: Floats, recipe: Recipe, step: int, form: int) -> Floats:
    return narrowed(values, form) if recipe.steps & step else values


def _integer(quotient: Floats, recipe: Recipe) -> Integers:
    """Rounded; what no INT16 holds is cut, and what is no number is 0."""
    if recipe.steps & AWAY:
        whole = np.trunc(quotient)
        half = np.abs(quotient - whole) >= np.float32(0.5)
        rounded = np.where(half, whole + np.copysign(np.float32(1), quotient), whole)
    else:
        rounded = np.rint(quotient)
    # Half of INT16's range, so that a zero can be added.
    np.clip(rounded, np.float32(-16000), np.float32(16000), out=rounded)
    np.copyto(rounded, np.float32(0), where=np.isnan(rounded))
    return rounded.astype(np.int16)
