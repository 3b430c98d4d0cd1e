"""Between which bounds the scale of a quantized row lies, and one within them.

Each integer bounds its row's scale from both sides; where no scale is within all bounds, none explains the row.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mvc.store.codecs.quantizing import (
    BF16,
    F16,
    F32,
    LISTED,
    Floats,
    Integers,
    Recipe,
    Scales,
    quantized,
)

#: One row in so many may have integers that no scale explains: one wrong integer is enough for that.
_UNSOUND = 4
#: By how much, as a share, the quotient of a quantizer may be off: single precision, or the floats' own.
_SLACK = 2.0**-22
_NARROW_SLACK = {BF16: 2.0**-7, F16: 2.0**-10}
#: Elements of a long row that are looked at first, and rounds in which its bounds come closer.
_TRIED, _ROUNDS = 16 * 1024, 5
#: Bits of a scale's mantissa that are tried: the fewer, the shorter the list.
_MANTISSAS = (3, 7, 10, 13, 16, 19)


class Bounds(NamedTuple):
    """For each row: the least and the largest scale, whether one explains it, and its zero."""

    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    sound: npt.NDArray[np.bool_]
    zero: Integers

    @property
    def explained(self) -> bool:
        """Whether scales explain all rows but a few."""
        return int(np.count_nonzero(~self.sound)) * _UNSOUND <= len(self.sound)


def bounds_of(values: Floats, integers: Integers, form: int) -> Bounds:
    """Bounds of rows; around zeros of their own where one zero does not do."""
    ends = Recipe(LISTED, 0, 0.0, int(integers.min()), int(integers.max()), 0)
    zero = np.zeros(len(values), np.int16)
    slacks = (_SLACK,) if form == F32 else (_SLACK, _NARROW_SLACK[form])
    for slack in slacks:
        best = _around(values, integers, zero, slack, ends)
        if best.explained:
            return best
    guess = _zeros(values, integers)
    for offset in (0, -1, 1):
        moved = _around(values, integers, guess + np.int16(offset), slacks[-1], ends)
        take = moved.sound & ~best.sound
        best = Bounds(
            np.where(take, moved.low, best.low),
            np.where(take, moved.high, best.high),
            best.sound | take,
            np.where(take, moved.zero, best.zero),
        )
    if best.sound.any():
        usual = np.int16(np.median(best.zero[best.sound]))
        best = best._replace(zero=np.where(best.sound, best.zero, usual))
    return best


def bounds_of_long(values: Floats, integers: Integers, form: int) -> Bounds:
    """Bounds of one long row: of some of it, then closer by what comes out otherwise."""
    some = slice(None, None, -(-values.shape[1] // _TRIED))
    bounds = bounds_of(values[:, some], integers[:, some], form)
    recipe = Recipe(LISTED, 0, 0.0, int(integers.min()), int(integers.max()), 0)
    for _ in range(_ROUNDS):
        scale = Scales(shortest(bounds), bounds.zero)
        wrong = np.flatnonzero(quantized(recipe, values, scale, form)[0] != integers[0])
        if not len(wrong) or len(wrong) * 4 > len(values[0]):
            break
        closer = _around(values[:, wrong], integers[:, wrong], bounds.zero, _SLACK, recipe)
        low, high = np.maximum(bounds.low, closer.low), np.minimum(bounds.high, closer.high)
        if not (low <= high).all():
            break
        bounds = bounds._replace(low=low, high=high)
    return bounds


def _zeros(values: Floats, integers: Integers) -> Integers:
    """The integers that zero seems to be: on the line through each row's extremes."""
    rows = np.arange(len(values))
    least, most = values.argmin(axis=1), values.argmax(axis=1)
    steps = integers[rows, most].astype(np.float64) - integers[rows, least]
    span = values[rows, most].astype(np.float64) - values[rows, least]
    with np.errstate(all="ignore"):
        zero = integers[rows, least] - values[rows, least] * (steps / span)
    found: Integers = np.rint(np.nan_to_num(np.clip(zero, -999, 999))).astype(np.int16)
    return found


def _around(
    values: Floats, integers: Integers, zero: Integers, slack: float, ends: Recipe
) -> Bounds:
    """Bounds of rows with these zeros. The least and the largest integer may be what others were cut to."""
    steps = integers - zero[:, None]
    size = np.abs(steps).astype(np.float32)
    magnitude = np.abs(values)
    edge = (integers == ends.low) | (integers == ends.high)
    half = np.float32(0.5)
    with np.errstate(all="ignore"):
        low = np.where(edge & (steps != 0), np.float32(0), magnitude / (size + half)).max(axis=1)
        high = np.where(steps == 0, np.float32(np.inf), magnitude / (size - half)).min(axis=1)
    against = ((steps > 0) & (values < 0)) | ((steps < 0) & (values > 0))
    low, high = low.astype(np.float64), high.astype(np.float64)
    sound = (low * (1 - slack) <= high * (1 + slack)) & ~against.any(axis=1) & (high > 0)
    return Bounds(low, high, sound & np.isfinite(low), zero)


def shortest(bounds: Bounds) -> Floats:
    """A scale within the bounds of each row, with as few bits as will do."""
    with np.errstate(all="ignore"):
        high = np.where(np.isfinite(bounds.high), bounds.high, bounds.low * 4)
        middle = (bounds.low + high) / 2
    sound = bounds.sound & (middle > 0)
    # One wrong integer hides the scale of its row, which may be the same as others have.
    middle = np.where(sound, middle, np.median(middle[sound]) if sound.any() else 1.0)
    margin = (high - bounds.low) / 8
    scale = middle.astype(np.float32)
    fraction, exponent = np.frexp(middle)
    for bits in reversed(_MANTISSAS):
        rounded = np.ldexp(np.rint(np.ldexp(fraction, bits + 1)), exponent - bits - 1)
        fits = (rounded >= bounds.low + margin) & (rounded <= high - margin)
        np.copyto(scale, rounded.astype(np.float32), where=fits)
    return scale
