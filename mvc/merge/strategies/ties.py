"""Trim, elect a sign, merge what agrees with it (TIES, arXiv:2306.01708).

τᵢ = the ``density`` share of the largest |θᵢ - base|, zero elsewhere
mᵢ = [ sign(wᵢ τᵢ) = sign(Σ wⱼ τⱼ) ]
result = base + lambda · Σ wᵢ mᵢ τᵢ / Σ wᵢ mᵢ        without ``normalize`` not divided
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mvc.merge.strategies.combination import Place
from mvc.merge.strategies.parameters import Shares, spread
from mvc.merge.strategies.sparsify import Rule, magnitude
from mvc.merge.strategies.task_vectors import TaskVectors


@dataclass(frozen=True)
class Ties(TaskVectors):
    """``density``: the share of each change that is kept; others as in ``TaskVectors``."""

    name: ClassVar[str] = "ties"
    consensus: ClassVar[bool] = True
    density: Shares = 1.0
    normalize: bool = True
    rescale: bool = False

    def _rule(self, model: int, models: int, place: Place) -> Rule | None:
        return magnitude(spread(self.density, models)[model])
