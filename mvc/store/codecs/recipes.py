"""How a quantized frame came from its floats: a search over what quantizers commonly do.

A tensor has one scale, or one for each row or group of it. An integer bounds the scale of its row from both
sides, so integers that no scale explains are soon told. Where scales explain them, those that follow from the
floats are tried on a few rows, and what does not follow is listed.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mvc.store.codecs.quantizing import (
    AWAY,
    BF16,
    DIVIDE,
    F16,
    F32,
    FACTORS,
    INVERT,
    LISTED,
    MULTIPLY,
    NARROW_QUOTIENT,
    NARROW_SCALE,
    NORMALIZE,
    RECIPROCAL,
    SPREAD,
    Floats,
    Integers,
    Recipe,
    Rows,
    Scales,
    narrowed,
    quantized,
    scales,
)

#: Elements of whole rows that recipes are tried on; one in so many may come out otherwise.
_TRIED = 16 * 1024
_WRONG = 50
#: One row in so many may have integers that no scale explains: one wrong integer is enough for that.
_UNSOUND = 4
#: Groups that share a scale, in common formats.
_GROUPS = (128, 64, 32, 256)
#: By how much, as a share, the quotient of a quantizer may be off: single precision, or the floats' own.
_SLACK = 2.0**-22
_NARROW_SLACK = {BF16: 2.0**-7, F16: 2.0**-10}
#: Elements that are worked on together.
_BLOCK = 64 * 1024
#: Bits of a scale's mantissa that are tried: the fewer, the shorter the list.
_MANTISSAS = (3, 7, 10, 13, 16, 19)
#: Rounds in which a long row's bounds come closer; neighbours of a scale that are tried, on either side.
_ROUNDS, _AROUND = 5, 6
Found = tuple[Recipe, Rows, Scales]


class _Domain(NamedTuple):
    """Stored integers as signed ones around ``zero``, and what range they have."""

    bits: int
    zero: int
    integers: Integers

    def recipe(self, origin: int, steps: int, most: float) -> Recipe:
        """A recipe for these integers; the lowest is only used by quantizers that reach it."""
        half = 1 << (self.bits - 1)
        reached = int(self.integers.min()) == -half
        low = self.zero - half + (0 if reached or origin == SPREAD else 1)
        return Recipe(origin, steps, most, low, self.zero + half - 1, self.zero)


class _Bounds(NamedTuple):
    """For each row: the least and the largest scale, whether one explains it, and its zero."""

    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    sound: npt.NDArray[np.bool_]
    zero: Integers


def find(
    values: Floats,
    stored: npt.NDArray[np.uint8],
    form: int,
    bits: int,
    start: int,
    lengths: Sequence[int],
) -> Found | None:
    """The recipe by which ``values`` became ``stored``, integers of ``bits``; None when there is none.

    ``start`` is the frame's first element in its tensor, ``lengths`` are those that rows may have. A recipe is
    a good guess; who stores it compares.
    """
    if not stored.any() or not values.view(np.uint32).any():
        return None
    domain = _domain(values, stored, bits)
    every = Rows(len(values), len(values), 0)
    for rows in (every, *_cuts(len(values), start, lengths)):
        block, integers = _some(rows, values, every), _some(rows, domain.integers, every)
        bounds = _bounds(block, integers, form)
        if not _mostly(bounds.sound):
            continue
        recipe = None
        if rows.whole and rows is not every:
            recipe = _derived(block, integers, domain, form, bool(bounds.zero.any()))
        rough = not _mostly(_bounds(block, integers, F32).sound)
        steps = NARROW_SCALE | NARROW_QUOTIENT if rough else 0
        recipe = recipe or domain.recipe(LISTED, steps, 0.0)
        listed = _listed(values, rows, domain, recipe, form)
        if listed is not None:
            return recipe, rows, listed
    return None


def _domain(values: Floats, stored: npt.NDArray[np.uint8], bits: int) -> _Domain:
    """The reading that goes along with the floats, to the last of them: most integers are small in both."""
    half = 1 << (bits - 1)
    shifted = stored.astype(np.int16) - np.int16(half)
    signed = (stored ^ np.uint8(half)).astype(np.int16) - np.int16(half)
    with np.errstate(all="ignore"):
        about = values - values.mean()
        along = [float(about @ (one / one.std(dtype=np.float32))) for one in (signed, shifted)]
    return _Domain(bits, half, shifted) if along[1] > along[0] else _Domain(bits, 0, signed)


def _cuts(count: int, start: int, lengths: Sequence[int]) -> Iterator[Rows]:
    """Ways in which the frame may lie in rows; the fewest rows first."""
    for row in sorted({*lengths, *_GROUPS}, reverse=True):
        if 1 < row < 1 << 31 and (row <= count or row in lengths):
            yield Rows(count, row, -start % row)


def _some(rows: Rows, array: npt.NDArray[Any], every: Rows) -> npt.NDArray[Any]:
    """Some whole rows; or of one that has no end here, some."""
    if rows is every:
        return array[None, :_TRIED]
    if not rows.whole:
        start, stop = max(rows.ragged, key=lambda one: one[1] - one[0])
        return array[None, start : min(stop, start + _TRIED)]
    number = max(1, min(rows.whole, _TRIED // rows.row))
    return array[rows.lead : rows.lead + number * rows.row].reshape(number, rows.row)


def _mostly(sound: npt.NDArray[np.bool_]) -> bool:
    return int(np.count_nonzero(~sound)) * _UNSOUND <= len(sound)


def _derived(
    block: Floats, integers: Integers, domain: _Domain, form: int, spread: bool
) -> Recipe | None:
    """The recipe whose scales follow from whole rows; None when none does well."""
    half = 1 << (domain.bits - 1)
    steps = [0] if form == F32 else [0, NARROW_SCALE, NARROW_SCALE | NARROW_QUOTIENT]
    origins = [SPREAD] if spread else [DIVIDE, INVERT, RECIPROCAL, MULTIPLY, NORMALIZE]
    mosts = [2.0 * half - 1] if spread else [half - 1.0, half - 0.5, float(half)]
    best, least = None, block.size // _WRONG + 1
    for rule in itertools.product(steps, mosts, origins):
        recipe = domain.recipe(rule[2], rule[0], rule[1])
        wrong = _wrong(recipe, block, integers, form)
        if wrong < least:
            best, least = recipe, wrong
        if not wrong:
            return best
    if best is not None:
        away = best._replace(steps=best.steps | AWAY)
        best = away if _wrong(away, block, integers, form) < least else best
    return best


def _wrong(recipe: Recipe, block: Floats, integers: Integers, form: int) -> int:
    found = quantized(recipe, block, scales(recipe, block, form), form)
    return int(np.count_nonzero(found != integers + np.int16(recipe.zero)))


def _listed(
    values: Floats, rows: Rows, domain: _Domain, recipe: Recipe, form: int
) -> Scales | None:
    """Scales for the rows that have to be listed: all of them, or those that the frame cuts where the rest
    follows. None when no scales explain all but a few rows."""
    parts = list(rows.ragged)
    if recipe.origin == LISTED:
        together = max(1, _BLOCK // rows.row) * rows.row
        end = rows.lead + rows.whole * rows.row
        whole = [(start, min(start + together, end)) for start in range(rows.lead, end, together)]
        parts = sorted(parts + whole)
    found = [Scales(np.empty(0, np.float32), np.empty(0, np.int16))]
    for start, stop in parts:
        row = stop - start if (start, stop) in rows.ragged else rows.row
        block = values[start:stop].reshape(-1, row)
        integers = domain.integers[start:stop].reshape(-1, row)
        bounds = (
            _bounds(block, integers, form) if row <= _BLOCK else _of_long(block, integers, form)
        )
        if recipe.origin == LISTED and not _mostly(bounds.sound):
            return None
        scale = _shortest(bounds)
        if recipe.origin in FACTORS:
            scale = (1 / scale.astype(np.float64)).astype(np.float32)
        elif recipe.origin == NORMALIZE:
            scale = scale * np.float32(recipe.most)
        zero = bounds.zero + np.int16(domain.zero)
        if recipe.steps & NARROW_QUOTIENT:
            scale = _nearby(recipe, block, integers, Scales(scale, zero), form)
        found.append(Scales(scale, zero))
    return Scales(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _of_long(values: Floats, integers: Integers, form: int) -> _Bounds:
    """Bounds of one long row: of some of it, then closer by what comes out otherwise."""
    some = slice(None, None, -(-values.shape[1] // _TRIED))
    bounds = _bounds(values[:, some], integers[:, some], form)
    recipe = Recipe(LISTED, 0, 0.0, int(integers.min()), int(integers.max()), 0)
    for _ in range(_ROUNDS):
        scale = Scales(_shortest(bounds), bounds.zero)
        wrong = np.flatnonzero(quantized(recipe, values, scale, form)[0] != integers[0])
        if not len(wrong) or len(wrong) * 4 > len(values[0]):
            break
        closer = _around(values[:, wrong], integers[:, wrong], bounds.zero, _SLACK, recipe)
        low, high = np.maximum(bounds.low, closer.low), np.minimum(bounds.high, closer.high)
        if not (low <= high).all():
            break
        bounds = bounds._replace(low=low, high=high)
    return bounds


def _nearby(recipe: Recipe, values: Floats, integers: Integers, found: Scales, form: int) -> Floats:
    """Of the scales of the floats' own format around those found, the ones that do best."""
    best = narrowed(found.scale, form)
    wanted = integers + np.int16(recipe.zero)
    least = np.full(len(best), values.shape[1] + 1)
    step = np.float32(2.0**-8 if form == BF16 else 2.0**-11)
    for offset in range(-_AROUND, _AROUND + 1):
        tried = narrowed(found.scale * (1 + offset * step), form)
        wrong = quantized(recipe, values, Scales(tried, found.zero), form) != wanted
        number = np.count_nonzero(wrong, axis=1)
        best = np.where(number < least, tried, best)
        least = np.minimum(number, least)
    return best


def _bounds(values: Floats, integers: Integers, form: int) -> _Bounds:
    """Bounds of rows; around zeros of their own where one zero does not do."""
    ends = Recipe(LISTED, 0, 0.0, int(integers.min()), int(integers.max()), 0)
    zero = np.zeros(len(values), np.int16)
    slacks = (_SLACK,) if form == F32 else (_SLACK, _NARROW_SLACK[form])
    for slack in slacks:
        best = _around(values, integers, zero, slack, ends)
        if _mostly(best.sound):
            return best
    guess = _zeros(values, integers)
    for offset in (0, -1, 1):
        moved = _around(values, integers, guess + np.int16(offset), slacks[-1], ends)
        take = moved.sound & ~best.sound
        best = _Bounds(
            np.where(take, moved.low, best.low),
            np.where(take, moved.high, best.high),
            best.sound | take,
            np.where(take, moved.zero, best.zero),
        )
    if best.sound.any():
        usual = np.int16(np.median(best.zero[best.sound]))
        best = best._replace(zero=np.where(best.sound, best.zero, usual))
    return best


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
) -> _Bounds:
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
    return _Bounds(low, high, sound & np.isfinite(low), zero)


def _shortest(bounds: _Bounds) -> Floats:
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
