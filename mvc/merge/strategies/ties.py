"""Trim, elect a sign, merge what agrees with it (TIES, arXiv:2306.01708).

τᵢ = the ``density`` share of the largest |θᵢ - base|, zero elsewhere
mᵢ = [ sign(wᵢ τᵢ) = sign(Σ wⱼ τⱼ) ]
result = base + lambda · Σ wᵢ mᵢ τᵢ / Σ wᵢ mᵢ        without ``normalize`` not divided
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from mvc.merge.strategies import task_vectors
from mvc.merge.strategies.combination import Array, Place
from mvc.merge.strategies.parameters import Number, Parameters, Shares, Weights, spread
from mvc.merge.strategies.sparsify import magnitude


@dataclass(frozen=True)
class Ties(Parameters):
    """``density``: the share of each change that is kept; ``weight``, ``lambda`` and ``normalize`` as in
    ``task_arithmetic``; ``rescale``: give each trimmed change its L1 norm back."""

    name: ClassVar[str] = "ties"
    weight: Weights = 1.0
    density: Shares = 1.0
    lambda_: Number = 1.0
    normalize: bool = True
    rescale: bool = False

    def combine(self, base: Array | None, models: Sequence[Array], place: Place) -> Array:
        """The base with the changes that agree."""
        densities = spread(self.density, len(models))
        return task_vectors.merged(
            base,
            models,
            spread(self.weight, len(models)),
            scale=self.lambda_,
            consensus=True,
            normalize=self.normalize,
            sparsify=lambda change, model: magnitude(change, densities[model], self.rescale),
        )
