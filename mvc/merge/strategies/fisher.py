"""Each element from the models that are surest of it (Fisher merging, arXiv:2111.09832).

    result = Σ wᵢ Fᵢ θᵢ / Σ wᵢ Fᵢ        Fᵢ: the diagonal of the Fisher information, at least ``floor``

The Fisher information is recorded beside the model: ``model.fisher.safetensors`` next to ``model.safetensors``,
with the same names and shapes. A tensor without any is averaged by the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mvc.merge.strategies.combination import Array, Place, Statistic
from mvc.merge.strategies.measures import keep_equal, weighted_sum
from mvc.merge.strategies.parameters import Parameters, Positive, Positives, require_models, spread


@dataclass(frozen=True)
class Fisher(Parameters):
    """``weight``: each model's; ``floor``: the least Fisher information, so that no element is without."""

    name: ClassVar[str] = "fisher"
    weight: Positives = 1.0
    floor: Positive = 1e-6

    @property
    def elementwise(self) -> bool:
        """Each element by itself."""
        return True

    @property
    def needs_base(self) -> bool:
        """The models as they are."""
        return False

    @property
    def statistic(self) -> Statistic | None:
        """The Fisher information."""
        return "fisher"

    def accept(self, models: int) -> None:
        """A mean of something."""
        super().accept(models)
        require_models(self.name, models, 1)

    def combine(self, base: Array | None, models: Sequence[Array], place: Place) -> Array:
        """The mean by information; the base does not count."""
        weights = spread(self.weight, len(models))
        known = [known for known in place.statistics if known is not None]
        if len(known) < len(models):
            total = sum(weights) or 1.0
            return keep_equal(weighted_sum(models, [w / total for w in weights]), models)
        kind = models[0].dtype.type
        mixed, divisor = np.zeros_like(models[0]), np.zeros_like(models[0])
        for model, weight, information in zip(models, weights, known, strict=True):
            share = np.maximum(information, kind(self.floor)) * kind(weight)
            mixed += share * model
            divisor += share
        # Where nobody knows anything (a floor of 0), all count alike.
        unknown = divisor == 0
        divisor[unknown] = 1
        mixed /= divisor
        if unknown.any():
            even = weighted_sum(models, [1 / len(models)] * len(models))
            np.copyto(mixed, even, where=unknown)
        return keep_equal(mixed, models)
