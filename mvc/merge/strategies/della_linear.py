"""Drop small changes more likely than large ones, add what is left (DELLA, arXiv:2406.11617).

τᵢ = each element of θᵢ - base with a probability from density - epsilon (the smallest magnitude of its row)
to density + epsilon (the largest), zero elsewhere; ``rescale``: to its old norm
result = base + lambda · Σ wᵢ τᵢ
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mvc.merge.strategies.combination import Place
from mvc.merge.strategies.parameters import Shares, spread
from mvc.merge.strategies.sparsify import Rule, check_epsilon, magnitude_chance, unit_of
from mvc.merge.strategies.task_vectors import TaskVectors


@dataclass(frozen=True)
class DellaLinear(TaskVectors):
    """``density``: the share of each change that is kept; ``epsilon``: by how much the rank of a magnitude
    moves that; others as in ``TaskVectors``."""

    name: ClassVar[str] = "della_linear"
    consensus: ClassVar[bool] = False
    density: Shares = 1.0
    epsilon: Shares = 0.15
    rescale: bool = True

    def accept(self, models: int) -> None:
        """Probabilities lie between 0 and 1."""
        super().accept(models)
        check_epsilon(spread(self.density, models), spread(self.epsilon, models))

    def _unit(self, shape: tuple[int, ...]) -> int:
        return unit_of(shape)

    def _rule(self, model: int, models: int, place: Place) -> Rule | None:
        densities, epsilons = spread(self.density, models), spread(self.epsilon, models)
        return magnitude_chance(densities[model], epsilons[model], place)
