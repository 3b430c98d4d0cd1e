"""The base plus what each model changed (task arithmetic, arXiv:2212.04089).

result = base + lambda · Σ wᵢ (θᵢ - base)        with ``normalize`` divided by Σ wᵢ
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from mvc.merge.strategies import task_vectors
from mvc.merge.strategies.combination import Array, Place
from mvc.merge.strategies.parameters import Number, Parameters, Weights, spread


@dataclass(frozen=True)
class TaskArithmetic(Parameters):
    """``weight``: each model's, negative to forget a task; ``lambda``: what the sum is scaled by."""

    name: ClassVar[str] = "task_arithmetic"
    weight: Weights = 1.0
    lambda_: Number = 1.0
    normalize: bool = False

    @property
    def elementwise(self) -> bool:
        """Each element by itself."""
        return True

    def combine(self, base: Array | None, models: Sequence[Array], place: Place) -> Array:
        """The base with the changes."""
        return task_vectors.merged(
            base,
            models,
            spread(self.weight, len(models)),
            scale=self.lambda_,
            consensus=False,
            normalize=self.normalize,
        )
