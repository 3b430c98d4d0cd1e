"""The mean of models trained apart, weighted by how many samples each has seen (FedAvg, arXiv:1602.05629).

result = Σ nᵢ θᵢ / Σ nᵢ
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from mvc.errors import UsageError
from mvc.merge.strategies.combination import Array, Place
from mvc.merge.strategies.measures import keep_equal, weighted_sum
from mvc.merge.strategies.parameters import Parameters, Positives, require_models, spread


@dataclass(frozen=True)
class FedAvg(Parameters):
    """``samples``: each model's number of samples."""

    name: ClassVar[str] = "fedavg"
    samples: Positives = 1.0

    @property
    def elementwise(self) -> bool:
        """Each element by itself."""
        return True

    @property
    def needs_base(self) -> bool:
        """The models as they are."""
        return False

    def accept(self, models: int) -> None:
        """Somebody has to have seen something."""
        super().accept(models)
        require_models(self.name, models, 1)
        if sum(spread(self.samples, models)) <= 0:
            raise UsageError("samples is 0 for every model", hint="--param samples=1200,800")

    def combine(self, base: Array | None, models: Sequence[Array], place: Place) -> Array:
        """The mean; the base does not count."""
        samples = spread(self.samples, len(models))
        total = sum(samples)
        return keep_equal(weighted_sum(models, [n / total for n in samples]), models)
