"""Drop changes by chance, scale up what is left, add (DARE, arXiv:2311.03099).

τᵢ = each element of θᵢ - base with the probability ``density``, zero elsewhere; ``rescale``: to its old L1 norm
result = base + lambda · Σ wᵢ τᵢ
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from mvc.merge.strategies import task_vectors
from mvc.merge.strategies.combination import Array, Place
from mvc.merge.strategies.parameters import Number, Parameters, Shares, Weights, spread
from mvc.merge.strategies.sparsify import chance


@dataclass(frozen=True)
class DareLinear(Parameters):
    """``density``: the share of each change that is kept, by chance; ``weight``, ``lambda`` and ``normalize``
    as in ``task_arithmetic``."""

    name: ClassVar[str] = "dare_linear"
    weight: Weights = 1.0
    density: Shares = 1.0
    lambda_: Number = 1.0
    normalize: bool = False
    rescale: bool = True

    def combine(self, base: Array | None, models: Sequence[Array], place: Place) -> Array:
        """The base with what is left of the changes."""
        densities = spread(self.density, len(models))
        return task_vectors.merged(
            base,
            models,
            spread(self.weight, len(models)),
            scale=self.lambda_,
            consensus=False,
            normalize=self.normalize,
            sparsify=lambda change, model: chance(
                change, densities[model], place, model, self.rescale
            ),
        )
