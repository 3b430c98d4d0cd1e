"""Between the base and the mean of fine-tunes, as far as their angles say (Model Stock, arXiv:2403.19522).

cos θ = the mean over pairs of cos(θᵢ - base, θⱼ - base)
t = N cos θ / (1 + (N - 1) cos θ)
result = t · mean(θᵢ) + (1 - t) · base
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, combinations_with_replacement
from typing import ClassVar

import numpy as np

from mvc.errors import MvcError
from mvc.merge.strategies.combination import Array, Numbers, Place
from mvc.merge.strategies.measures import (
    Whole,
    assembled,
    dot,
    keep_equal,
    stretches,
    weighted_sum,
)
from mvc.merge.strategies.parameters import Parameters, require_models
from mvc.merge.strategies.task_vectors import require_base

_SHORT = 1e-6
_SINGULAR = 1e-6


@dataclass(frozen=True)
class ModelStock(Parameters):
    """``filter_wise``: an angle for each row of a tensor (its last axis), not one for all."""

    name: ClassVar[str] = "model_stock"
    filter_wise: bool = False

    def accept(self, models: int) -> None:
        """One fine-tune has no angle to another."""
        super().accept(models)
        require_models(self.name, models, 2)

    @property
    def piecewise(self) -> bool:
        """Stretch by stretch, once the angles are known; rows each have their own."""
        return not self.filter_wise

    def combine(self, base: Array | None, models: Sequence[Array], place: Place) -> Array:
        """The point between the base and the mean."""
        start = require_base(base)
        if not self.filter_wise or not start.ndim:
            numbers = [Whole(model) for model in models]
            return assembled(self.pieces(Whole(start), numbers, place), start)
        changes = [model - start for model in models]
        gram = {
            (i, j): _by_row(changes[i], changes[j])
            for i, j in combinations_with_replacement(range(len(models)), 2)
        }
        far = _share(gram, len(models)).astype(start.dtype)
        return _between(far, start, models)

    def pieces(
        self, base: Numbers | None, models: Sequence[Numbers], place: Place
    ) -> Iterator[Array]:
        """The point between the base and the mean, stretch by stretch."""
        if base is None:
            raise MvcError("a strategy that merges changes was given no base")
        pairs = list(combinations_with_replacement(range(len(models)), 2))
        sums = dict.fromkeys(pairs, 0.0)
        for here in stretches(base.size):
            start = base[here]
            changes = [model[here] - start for model in models]
            for i, j in pairs:
                sums[i, j] += dot(changes[i], changes[j])
        gram = {pair: np.asarray(total) for pair, total in sums.items()}
        far = _share(gram, len(models)).astype(base.dtype)
        for here in stretches(base.size):
            yield _between(far, base[here], [model[here] for model in models])


def _share(gram: Mapping[tuple[int, int], Array], models: int) -> Array:
    """How far from the base to the mean, from the inner products of all pairs of changes."""
    cosines = [
        np.clip(gram[i, j] / np.maximum(np.sqrt(gram[i, i]) * np.sqrt(gram[j, j]), _SHORT), -1, 1)
        for i, j in combinations(range(models), 2)
    ]
    cosine = np.mean(cosines, axis=0)
    below = 1 + (models - 1) * cosine
    singular = np.abs(below) < _SINGULAR
    share: Array = np.where(singular, 0, models * cosine / np.where(singular, 1, below))
    return share


def _between(far: Array, start: Array, models: Sequence[Array]) -> Array:
    mean = weighted_sum(models, [1.0] * len(models))
    mean /= mean.dtype.type(len(models))
    result = far * mean + (1 - far) * start
    return keep_equal(result, [start, *models])


def _by_row(one: Array, other: Array) -> Array:
    """Inner products, one for each row, such that they multiply with the tensor."""
    dots: Array = np.einsum("...i,...i->...", one, other, dtype=np.float64, casting="same_kind")
    return dots[..., np.newaxis]
