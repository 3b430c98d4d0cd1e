"""Add changes without the outliers and without the noise (Model Breadcrumbs, arXiv:2312.06795).

τᵢ = θᵢ - base without the ``gamma`` share of the largest magnitudes, and of the rest the ``density``
     share of the largest (where both don't fit, ``density`` counts)
result = base + lambda · Σ wᵢ τᵢ
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from mvc.merge.strategies import task_vectors
from mvc.merge.strategies.combination import Array, Place
from mvc.merge.strategies.parameters import Number, Parameters, Shares, Weights, spread
from mvc.merge.strategies.sparsify import magnitude_outliers


@dataclass(frozen=True)
class Breadcrumbs(Parameters):
    """``density``: the share of each change that is kept; ``gamma``: the share of the largest that is not;
    ``weight``, ``lambda`` and ``normalize`` as in ``task_arithmetic``."""

    name: ClassVar[str] = "breadcrumbs"
    weight: Weights = 1.0
    density: Shares = 1.0
    gamma: Shares = 0.01
    lambda_: Number = 1.0
    normalize: bool = False
    rescale: bool = False

    def combine(self, base: Array | None, models: Sequence[Array], place: Place) -> Array:
        """The base with the changes between both ends."""
        densities, gammas = spread(self.density, len(models)), spread(self.gamma, len(models))
        return task_vectors.merged(
            base,
            models,
            spread(self.weight, len(models)),
            scale=self.lambda_,
            consensus=False,
            normalize=self.normalize,
            sparsify=lambda change, model: magnitude_outliers(
                change, densities[model], gammas[model], self.rescale
            ),
        )
