"""Drop changes by chance, scale up what is left, add (DARE, arXiv:2311.03099).

τᵢ = each element of θᵢ - base with the probability ``density``, zero elsewhere; ``rescale``: to its old norm
result = base + lambda · Σ wᵢ τᵢ
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mvc.merge.strategies.combination import Place
from mvc.merge.strategies.parameters import Shares, spread
from mvc.merge.strategies.sparsify import Rule, chance
from mvc.merge.strategies.task_vectors import TaskVectors


@dataclass(frozen=True)
class DareLinear(TaskVectors):
    """``density``: the share of each change that is kept, by chance; others as in ``TaskVectors``."""

    name: ClassVar[str] = "dare_linear"
    consensus: ClassVar[bool] = False
    density: Shares = 1.0
    rescale: bool = True

    def _rule(self, model: int, models: int, place: Place) -> Rule | None:
        return chance(spread(self.density, models)[model], place)
