"""Select where models differ, calculate weights, erase what disagrees (SCE of FuseChat, arXiv:2408.07990).

S = the ``select_topk`` share of the elements whose changes vary most between models
τᵢ = θᵢ - base in S, zero elsewhere;        wᵢ = mean(τᵢ²) / Σ mean(τⱼ²)
mᵢ = [ sign(τᵢ) = sign(Σ τⱼ) ]
result = base + Σ wᵢ mᵢ τᵢ / Σ wᵢ mᵢ
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mvc.merge.strategies.combination import Array, Place
from mvc.merge.strategies.measures import inner, keep_equal
from mvc.merge.strategies.parameters import Parameters, Share
from mvc.merge.strategies.task_vectors import majority, require_base

#: Sums of mean squares below which all weights are equal, and the least weight to divide by, as in mergekit.
_TINY = 1e-6


@dataclass(frozen=True)
class Sce(Parameters):
    """``select_topk``: the share of elements that is merged, of those in which models differ."""

    name: ClassVar[str] = "sce"
    select_topk: Share = 1.0

    def combine(self, base: Array | None, models: Sequence[Array], place: Place) -> Array:
        """The base with what is selected and agrees."""
        start = require_base(base)
        changes = [model - start for model in models]
        if self.select_topk < 1:
            chosen = self._chosen(changes).reshape(start.shape)
            changes = [change * chosen for change in changes]
        weights = _weights(changes)
        sign = majority(changes)
        mixed, divisor = np.zeros_like(sign), np.zeros_like(sign)
        for change, weight in zip(changes, weights, strict=True):
            agrees = (np.sign(change) == sign) * sign.dtype.type(weight)
            mixed += change * agrees
            divisor += agrees
        mixed /= np.maximum(divisor, sign.dtype.type(_TINY))
        mixed += start
        return keep_equal(mixed, [start, *models])

    def _chosen(self, changes: Sequence[Array]) -> Array:
        variance = _variance(changes).reshape(-1)
        return _largest(variance, int(np.count_nonzero(variance) * self.select_topk))


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


def _weights(changes: Sequence[Array]) -> list[float]:
    squares = [inner(change, change) / max(change.size, 1) for change in changes]
    total = sum(squares)
    if abs(total) < _TINY:
        return [1 / len(changes)] * len(changes)
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
