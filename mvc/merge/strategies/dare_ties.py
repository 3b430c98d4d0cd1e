"""Drop changes by chance, scale up what is left, merge what agrees in sign (DARE, arXiv:2311.03099, with TIES).

τᵢ = each element of θᵢ - base with the probability ``density``, zero elsewhere; ``rescale``: to its old L1 norm
mᵢ = [ sign(wᵢ τᵢ) = sign(Σ wⱼ τⱼ) ]
result = base + lambda · Σ wᵢ mᵢ τᵢ
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
class DareTies(Parameters):
    """``density``: the share of each change that is kept, by chance; ``weight``, ``lambda`` and ``normalize``
    as in ``task_arithmetic``."""

    name: ClassVar[str] = "dare_ties"
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
            consensus=True,
            normalize=self.normalize,
            sparsify=lambda change, model: chance(
                change, densities[model], place, model, self.rescale
            ),
        )
