"""Drop small changes more likely than large ones, merge what agrees in sign (DELLA, arXiv:2406.11617).

τᵢ = each element of θᵢ - base with a probability from density - epsilon (the smallest magnitude of its row) to
     density + epsilon (the largest), zero elsewhere; ``rescale``: to its old L1 norm
mᵢ = [ sign(wᵢ τᵢ) = sign(Σ wⱼ τⱼ) ]
result = base + lambda · Σ wᵢ mᵢ τᵢ / Σ wᵢ mᵢ
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from mvc.merge.strategies import task_vectors
from mvc.merge.strategies.combination import Array, Place
from mvc.merge.strategies.parameters import Number, Parameters, Shares, Weights, spread
from mvc.merge.strategies.sparsify import check_epsilon, magnitude_chance


@dataclass(frozen=True)
class Della(Parameters):
    """``density``: the share of each change that is kept; ``epsilon``: by how much the rank of a magnitude
    moves that; ``weight``, ``lambda`` and ``normalize`` as in ``task_arithmetic``."""

    name: ClassVar[str] = "della"
    weight: Weights = 1.0
    density: Shares = 1.0
    epsilon: Shares = 0.15
    lambda_: Number = 1.0
    normalize: bool = True
    rescale: bool = True

    def accept(self, models: int) -> None:
        """Probabilities lie between 0 and 1."""
        super().accept(models)
        check_epsilon(spread(self.density, models), spread(self.epsilon, models))

    def combine(self, base: Array | None, models: Sequence[Array], place: Place) -> Array:
        """The base with what is left of the changes."""
        densities, epsilons = spread(self.density, len(models)), spread(self.epsilon, len(models))
        return task_vectors.merged(
            base,
            models,
            spread(self.weight, len(models)),
            scale=self.lambda_,
            consensus=True,
            normalize=self.normalize,
            sparsify=lambda change, model: magnitude_chance(
                change, densities[model], epsilons[model], place, model, self.rescale
            ),
        )
