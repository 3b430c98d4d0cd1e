"""The matrix whose outputs are closest to all models' outputs on their own inputs (RegMean, arXiv:2212.09849).

    W = (Σ wᵢ Gᵢ)⁻¹ Σ wᵢ Gᵢ Wᵢ        Gᵢ = Xᵢᵀ Xᵢ, its elements off the diagonal times ``alpha``

for a layer y = x W; a stored weight is its transpose, [out, in]. The Gram matrices are recorded beside the
model: ``model.gram.safetensors`` next to ``model.safetensors``, each [in, in] under the name of its weight. A
tensor without is averaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mvc.merge.strategies.combination import Array, Place, Statistic
from mvc.merge.strategies.measures import keep_equal, weighted_sum
from mvc.merge.strategies.parameters import Parameters, Positives, Share, require_models, spread


@dataclass(frozen=True)
class RegMean(Parameters):
    """``weight``: each model's; ``alpha``: how much of the Gram matrices off the diagonal counts."""

    name: ClassVar[str] = "regmean"
    weight: Positives = 1.0
    alpha: Share = 0.9

    @property
    def needs_base(self) -> bool:
        """The models as they are."""
        return False

    @property
    def statistic(self) -> Statistic | None:
        """The Gram matrices of the inputs."""
        return "gram"

    def accept(self, models: int) -> None:
        """A mean of something."""
        super().accept(models)
        require_models(self.name, models, 1)

    def combine(self, base: Array | None, models: Sequence[Array], place: Place) -> Array:
        """The closest matrix; the base does not count."""
        weights = spread(self.weight, len(models))
        grams = [gram for gram in place.statistics if gram is not None]
        first = models[0]
        if first.ndim != 2 or len(grams) < len(models):
            total = sum(weights) or 1.0
            return keep_equal(weighted_sum(models, [w / total for w in weights]), models)
        width = first.shape[1]
        left, right = np.zeros((width, width)), np.zeros((width, first.shape[0]))
        for model, weight, gram in zip(models, weights, grams, strict=True):
            scaled = gram.astype(np.float64) * weight
            diagonal = scaled.diagonal().copy()
            scaled *= self.alpha
            np.fill_diagonal(scaled, diagonal)
            left += scaled
            right += scaled @ model.astype(np.float64).T
        solved = _solved(left, right)
        return keep_equal(np.ascontiguousarray(solved.T).astype(first.dtype), models)


def _solved(left: Array, right: Array) -> Array:
    """The solution, or where inputs never reached some element, the least one."""
    try:
        return np.linalg.solve(left, right)
    except np.linalg.LinAlgError:
        return np.linalg.lstsq(left, right, rcond=None)[0]
