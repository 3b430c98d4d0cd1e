"""How a quantized frame came from its floats: a search over what quantizers commonly do.

A tensor has one scale, or one for each row or group of it. Integers that no scale explains are soon told by its
``bounds``. Where scales explain them, those that follow from the floats are tried on a few rows, and what does
not follow is listed.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mvc.store.codecs.bounds import bounds_of, bounds_of_long, shortest
from mvc.store.codecs.quantizing import (
    AWAY,
    BF16,
    DIVIDE,
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
#: Groups that share a scale, in common formats.
_GROUPS = (128, 64, 32, 256)
#: Elements that are worked on together.
_BLOCK = 64 * 1024
#: Neighbours of a scale that are tried, on either side.
_AROUND = 6
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
        bounds = bounds_of(block, integers, form)
        if not bounds.explained:
            continue
        recipe = None
        if rows.whole and rows is not every:
            recipe = _derived(block, integers, domain, form, bool(bounds.zero.any()))
        rough = not bounds_of(block, integers, F32).explained
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
            bounds_of(block, integers, form)
            if row <= _BLOCK
            else bounds_of_long(block, integers, form)
        )
        if recipe.origin == LISTED and not bounds.explained:
            return None
        scale = shortest(bounds)
        if recipe.origin in FACTORS:
            scale = (1 / scale.astype(np.float64)).astype(np.float32)
        elif recipe.origin == NORMALIZE:
            scale = scale * np.float32(recipe.most)
        zero = bounds.zero + np.int16(domain.zero)
        if recipe.steps & NARROW_QUOTIENT:
            scale = _nearby(recipe, block, integers, Scales(scale, zero), form)
        found.append(Scales(scale, zero))
    return Scales(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


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
