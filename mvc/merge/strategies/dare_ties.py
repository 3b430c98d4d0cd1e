"""Drop changes by chance, scale up what is left, merge what agrees (DARE, arXiv:2311.03099, with TIES).

τᵢ = each element of θᵢ - base with the probability ``density``, zero elsewhere; ``rescale``: to its old norm
mᵢ = [ sign(wᵢ τᵢ) = sign(Σ wⱼ τⱼ) ]
result = base + lambda · Σ wᵢ mᵢ τᵢ
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mvc.merge.strategies.combination import Place
from mvc.merge.strategies.parameters import Shares, spread
from mvc.merge.strategies.sparsify import Rule, chance
from mvc.merge.strategies.task_vectors import TaskVectors


@dataclass(frozen=True)
class DareTies(TaskVectors):
    """``density``: the share of each change that is kept, by chance; others as in ``TaskVectors``."""

    name: ClassVar[str] = "dare_ties"
    consensus: ClassVar[bool] = True
    density: Shares = 1.0
    rescale: bool = True

    def _rule(self, model: int, models: int, place: Place) -> Rule | None:
        return chance(spread(self.density, models)[model], place)
