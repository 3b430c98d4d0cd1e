"""Select where models differ, calculate weights, erase what disagrees (SCE of FuseChat, arXiv:2408.07990).

S = the ``select_topk`` share of the elements whose changes vary most between models
τᵢ = θᵢ - base in S, zero elsewhere;        wᵢ = mean(τᵢ²) / Σ mean(τⱼ²)
mᵢ = [ sign(τᵢ) = sign(Σ τⱼ) ]
result = base + Σ wᵢ mᵢ τᵢ / Σ wᵢ mᵢ
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mvc.errors import MvcError
from mvc.merge.strategies.combination import Array, Numbers, Place
from mvc.merge.strategies.measures import Whole, assembled, dot, keep_equal, stretches
from mvc.merge.strategies.parameters import Parameters, Share
from mvc.merge.strategies.task_vectors import majority, require_base

#: Sums of mean squares below which all weights are equal, and the least weight to divide by, as in mergekit.
_TINY = 1e-6


@dataclass(frozen=True)
class Sce(Parameters):
    """``select_topk``: the share of elements that is merged, of those in which models differ."""

    name: ClassVar[str] = "sce"
    select_topk: Share = 1.0

    @property
    def piecewise(self) -> bool:
        """Stretch by stretch, once it is known which elements count, and how much of which model."""
        return True

    @property
    def scratch(self) -> int:
        """The variances, twice while they are ranked."""
        return 2 if self.select_topk < 1 else 0

    def combine(self, base: Array | None, models: Sequence[Array], place: Place) -> Array:
        """The base with what is selected and agrees."""
        start = require_base(base)
        pieces = self.pieces(Whole(start), [Whole(model) for model in models], place)
        return assembled(pieces, start)

    def pieces(
        self, base: Numbers | None, models: Sequence[Numbers], place: Place
    ) -> Iterator[Array]:
        """The base with what is selected and agrees, stretch by stretch."""
        if base is None:
            raise MvcError("a strategy that merges changes was given no base")
        chosen = self._chosen(base, models) if self.select_topk < 1 else None
        squares = [0.0] * len(models)
        for here in stretches(base.size):
            for number, change in enumerate(_changes(base, models, chosen, here)):
                squares[number] += dot(change, change)
        weights = _weights([square / max(base.size, 1) for square in squares])
        for here in stretches(base.size):
            changes = _changes(base, models, chosen, here)
            sign = majority(changes)
            mixed, divisor = np.zeros_like(sign), np.zeros_like(sign)
            for change, weight in zip(changes, weights, strict=True):
                agrees = (np.sign(change) == sign) * sign.dtype.type(weight)
                mixed += change * agrees
                divisor += agrees
            mixed /= np.maximum(divisor, sign.dtype.type(_TINY))
            mixed += base[here]
            yield keep_equal(mixed, [base[here], *(model[here] for model in models)])

    def _chosen(self, base: Numbers, models: Sequence[Numbers]) -> Array:
        variance = np.empty(base.size, base.dtype)
        for here in stretches(base.size):
            variance[here] = _variance(_changes(base, models, None, here))
        return _largest(variance, int(np.count_nonzero(variance) * self.select_topk))


def _changes(
    base: Numbers, models: Sequence[Numbers], chosen: Array | None, here: slice
) -> list[Array]:
    """A stretch of what each model changed, zero where it is not ``chosen``."""
    start = base[here]
    changes = [model[here] - start for model in models]
    return changes if chosen is None else [change * chosen[here] for change in changes]


def _variance(changes: Sequence[Array]) -> Array:
    """The population variance over models, in the dtype of the changes."""
    mean = changes[0].copy()
    for change in changes[1:]:
        mean += change
    mean /= mean.dtype.type(len(changes))
    total = np.zeros_like(mean)
    for change in changes:
        away = change - mean
        away *= away
        total += away
    total /= total.dtype.type(len(changes))
    return total


def _weights(squares: Sequence[float]) -> list[float]:
    """Of each model's mean square."""
    total = sum(squares)
    if abs(total) < _TINY:
        return [1 / len(squares)] * len(squares)
    return [square / total for square in squares]


def _largest(values: Array, count: int) -> Array:
    """Which are the ``count`` largest; of equal ones the first. A NaN is larger than anything."""
    chosen = np.zeros(values.size, np.bool_)
    if count > 0:
        limit = np.partition(values, values.size - count)[values.size - count]
        chosen = np.zeros_like(chosen) if np.isnan(limit) else ~(values <= limit)
        equal = np.isnan(values) if np.isnan(limit) else values == limit
        missing = count - int(np.count_nonzero(chosen))
        chosen[np.flatnonzero(equal)[:missing]] = True
    return chosen
