"""What of a change is kept: the largest, all but the largest and smallest, or what chance leaves.

A rule looks at a whole change once, stretch by stretch, and then says of stretch after stretch which elements
are kept. Elements of equal magnitude are ranked by their position. A NaN is larger than anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mvc.errors import UsageError
from mvc.merge.strategies.combination import Array, Numbers, Place
from mvc.merge.strategies.philox import Stream
from mvc.values import dataclass

Mask: TypeAlias = NDArray[np.bool_]
#: Which elements of the next stretch of a change are kept.
Keep: TypeAlias = Callable[[Array], Mask]

#: Elements of a stretch.
STRETCH = 1 << 18
#: Norms below this are not rescaled, as in mergekit.
_TINY = 1e-7


@dataclass(frozen=True, slots=True)
class Change:
    """What the model with a ``number`` changed from the base; ``unit``: elements that belong together."""

    base: Numbers
    model: Numbers
    number: int
    unit: int = 1

    def stretches(self) -> Iterator[Array]:
        """All of it, from front to back."""
        for here in stretches(self.base.size, self.unit):
            yield self.model[here] - self.base[here]


#: A way to choose: gives a fresh ``Keep`` for each time that a change is gone through, or None if all is kept.
Rule: TypeAlias = Callable[[Change], Callable[[], Keep] | None]


def stretches(size: int, unit: int = 1) -> Iterator[slice]:
    """Slices of so many elements, none of which cuts a unit."""
    step = max(1, STRETCH // max(unit, 1)) * max(unit, 1)
    for start in range(0, size, step):
        yield slice(start, min(start + step, size))


def magnitude(density: float) -> Rule:
    """The ``density`` share of the largest magnitudes, at least one element (TIES)."""

    def rule(change: Change) -> Callable[[], Keep] | None:
        size = change.base.size
        if density >= 1 or not size:
            return None
        if density <= 0:
            return lambda: _none
        kept = max(1, int(density * size))
        sizes = _partitioned(change, [size - kept])[size - kept :]
        limit = float(sizes[0])
        missing = kept - int(np.count_nonzero(_above(sizes, limit)))
        return lambda: _Limited(_above, limit, missing)

    return rule


def magnitude_outliers(density: float, gamma: float) -> Rule:
    """Without the ``gamma`` share of the largest, and of the rest the ``density`` share (Breadcrumbs)."""

    def rule(change: Change) -> Callable[[], Keep] | None:
        size = change.base.size
        if density >= 1 or not size:
            return None
        kept, top = int(density * size), int(gamma * size)
        bottom = max(0, size - kept - top)  # the density counts more than gamma
        ends = [end for end in (bottom, bottom + kept) if end > 0]
        sizes = _partitioned(change, [end - 1 for end in ends])
        limits = {}
        for end in ends:
            limit = float(sizes[end - 1])
            limits[end] = limit, end - int(np.count_nonzero(_below(sizes[:end], limit)))

        def fresh() -> Keep:
            upto = _Limited(_below, *limits[bottom + kept]) if bottom + kept else _none
            below = _Limited(_below, *limits[bottom]) if bottom else _none
            return lambda part: upto(part) & ~below(part)

        return fresh

    return rule


def chance(density: float, place: Place) -> Rule:
    """Each element with the probability ``density`` (DARE)."""

    def rule(change: Change) -> Callable[[], Keep] | None:
        if density >= 1:
            return None

        def fresh() -> Keep:
            stream = Stream(place, change.number)
            return lambda part: stream.take(part.size) < np.float32(density)

        return fresh

    return rule


def magnitude_chance(density: float, epsilon: float, place: Place) -> Rule:
    """Each element with a probability from ``density - epsilon`` to ``density + epsilon`` that grows with the
    rank of its magnitude along the second axis (MAGPRUNE)."""

    def rule(change: Change) -> Callable[[], Keep] | None:
        if density >= 1:
            return None
        if density <= 0:
            return lambda: _none
        shape = change.base.shape
        row = (-1, *shape[1:]) if len(shape) > 1 else (1, -1)

        def fresh() -> Keep:
            stream = Stream(place, change.number)

            def keep(part: Array) -> Mask:
                ranks = _ranks(np.abs(part).reshape(row)).reshape(-1)
                probability = np.float32(density - epsilon) + ranks * np.float32(2) * np.float32(
                    epsilon
                )
                return stream.take(part.size) < probability

            return keep

        return fresh

    return rule


def unit_of(shape: tuple[int, ...]) -> int:
    """The elements whose ranks belong together: all below one index of the first axis."""
    return max(1, math.prod(shape[1:] if len(shape) > 1 else shape))


def check_epsilon(densities: tuple[float, ...], epsilons: tuple[float, ...]) -> None:
    """Let DELLA begin only with probabilities that are some.

    Raises:
        UsageError: ``density ± epsilon`` is not between 0 and 1.
    """
    for density, epsilon in zip(densities, epsilons, strict=True):
        if 0 < density < 1 and not epsilon < density < 1 - epsilon:
            raise UsageError(
                f"epsilon is {epsilon:g} at a density of {density:g}, and density - epsilon and "
                "density + epsilon must lie between 0 and 1"
            )


def rescaling(change: Change, fresh: Callable[[], Keep]) -> float:
    """What gives the kept part of a change the L1 norm that the whole has."""
    keep, before, after = fresh(), [], []
    for part in change.stretches():
        sizes = np.abs(part)
        before.append(float(sizes.sum(dtype=np.float64)))
        after.append(float((sizes * keep(part)).sum(dtype=np.float64)))
    whole, left = math.fsum(before), math.fsum(after)
    return 1.0 if whole < _TINY or left < _TINY else whole / left


class _Limited:
    """All whose magnitude is above or below a limit, and as many of those at it as are missing, the first."""

    def __init__(self, side: Callable[[Array, float], Mask], limit: float, missing: int) -> None:
        self._side, self._limit, self._missing = side, limit, missing

    def __call__(self, part: Array) -> Mask:
        sizes = np.abs(part)
        found = self._side(sizes, self._limit)
        if self._missing > 0:
            first = np.flatnonzero(_at(sizes, self._limit))[: self._missing]
            found[first] = True
            self._missing -= int(first.size)
        return found


def _above(sizes: Array, limit: float) -> Mask:
    if math.isnan(limit):
        return np.zeros(sizes.shape, np.bool_)
    above: Mask = ~(sizes <= limit)
    return above


def _below(sizes: Array, limit: float) -> Mask:
    below: Mask = ~np.isnan(sizes) if math.isnan(limit) else sizes < limit
    return below


def _none(part: Array) -> Mask:
    return np.zeros(part.shape, np.bool_)


def _at(sizes: Array, limit: float) -> Mask:
    at: Mask = np.isnan(sizes) if math.isnan(limit) else sizes == limit
    return at


def _partitioned(change: Change, ranks: list[int]) -> Array:
    """The magnitudes, with those of these ranks (from 0 for the smallest) in their places."""
    sizes, filled = np.empty(change.base.size, change.base.dtype), 0
    for part in change.stretches():
        np.abs(part, out=sizes[filled : filled + part.size])
        filled += part.size
    if ranks:
        sizes.partition(sorted(set(ranks)))
    return sizes


def _ranks(rows: Array) -> Array:
    """The rank of each element along the second axis, from 0 to 1."""
    order = np.argsort(rows, axis=1, kind="stable")
    ranks = np.empty(rows.shape, np.float32)
    length = rows.shape[1]
    numbers = np.arange(length, dtype=np.float32).reshape((1, -1) + (1,) * (rows.ndim - 2))
    np.put_along_axis(ranks, order, numbers, axis=1)
    if length > 1:
        ranks /= np.float32(length - 1)
    else:
        ranks[...] = 0.5  # nothing to rank
    return ranks
