"""A weighted mean of the models, element by element (model soups, arXiv:2203.05482).

    result = Σ wᵢ θᵢ / Σ wᵢ        without ``normalize``: Σ wᵢ θᵢ

The mean of elements that are equal to the bit is that element, NaNs and negative zeros included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from mvc.errors import UsageError
from mvc.merge.strategies.combination import Array, Place
from mvc.merge.strategies.measures import keep_equal, weighted_sum
from mvc.merge.strategies.parameters import Parameters, Weights, require_models, spread


@dataclass(frozen=True)
class Linear(Parameters):
    """``weight``: each model's; ``normalize``: divide by their sum."""

    name: ClassVar[str] = "linear"
    weight: Weights = 1.0
    normalize: bool = True

    @property
    def elementwise(self) -> bool:
        """Each element by itself."""
        return True

    @property
    def needs_base(self) -> bool:
        """The models as they are."""
        return False

    @property
    def keeps_equal(self) -> bool:
        """A sum of equal models is another one."""
        return self.normalize

    def accept(self, models: int) -> None:
        """Weights that sum to zero have no mean."""
        super().accept(models)
        require_models(self.name, models, 1)
        if self.normalize and abs(sum(spread(self.weight, models))) < 1e-8:
            raise UsageError("the weights sum to zero, so there is no mean", hint="normalize=false")

    def combine(self, base: Array | None, models: Sequence[Array], place: Place) -> Array:
        """The mean; the base does not count."""
        weights = spread(self.weight, len(models))
        result = weighted_sum(models, weights)
        if not self.normalize:
            return result
        result /= result.dtype.type(sum(weights))
        return keep_equal(result, models)
