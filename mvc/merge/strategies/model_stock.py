"""Between the base and the mean of fine-tunes, as far as their angles say (Model Stock, arXiv:2403.19522).

cos θ = the mean over pairs of cos(θᵢ - base, θⱼ - base)
t = N cos θ / (1 + (N - 1) cos θ)
result = t · mean(θᵢ) + (1 - t) · base
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar

import numpy as np

from mvc.merge.strategies.combination import Array, Place
from mvc.merge.strategies.measures import inner, keep_equal, weighted_sum
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

    def combine(self, base: Array | None, models: Sequence[Array], place: Place) -> Array:
        """The point between the base and the mean."""
        start = require_base(base)
        changes = [model - start for model in models]
        gram = {
            (i, j): self._inner(changes[i], changes[j])
            for i in range(len(models))
            for j in range(i, len(models))
        }
        cosines = [
            np.clip(
                gram[i, j] / np.maximum(np.sqrt(gram[i, i]) * np.sqrt(gram[j, j]), _SHORT), -1, 1
            )
            for i, j in combinations(range(len(models)), 2)
        ]
        cosine = np.mean(cosines, axis=0)
        below = 1 + (len(models) - 1) * cosine
        singular = np.abs(below) < _SINGULAR
        t = np.where(singular, 0, len(models) * cosine / np.where(singular, 1, below))
        far = t.astype(start.dtype)
        mean = weighted_sum(models, [1.0] * len(models))
        mean /= mean.dtype.type(len(models))
        result = far * mean + (1 - far) * start
        return keep_equal(result, [start, *models])

    def _inner(self, one: Array, other: Array) -> Array:
        """Inner products, one for each row or one for all, such that they multiply with the tensor."""
        if not self.filter_wise or not one.ndim:
            return np.asarray(inner(one, other))
        dots: Array = np.einsum("...i,...i->...", one, other, dtype=np.float64, casting="same_kind")
        return dots[..., np.newaxis]
