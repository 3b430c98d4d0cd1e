"""Changes without outliers and noise, merged where they agree (arXiv:2312.06795, with TIES).

τᵢ = θᵢ - base without the ``gamma`` share of the largest magnitudes, and of the rest the ``density`` share
of the largest (where both don't fit, ``density`` counts)
mᵢ = [ sign(wᵢ τᵢ) = sign(Σ wⱼ τⱼ) ]
result = base + lambda · Σ wᵢ mᵢ τᵢ
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mvc.merge.strategies.combination import Place
from mvc.merge.strategies.parameters import Shares, spread
from mvc.merge.strategies.sparsify import Rule, magnitude_outliers
from mvc.merge.strategies.task_vectors import TaskVectors


@dataclass(frozen=True)
class BreadcrumbsTies(TaskVectors):
    """``density``: the share of each change that is kept; ``gamma``: the share of the largest that is not;
    others as in ``TaskVectors``."""

    name: ClassVar[str] = "breadcrumbs_ties"
    consensus: ClassVar[bool] = True
    density: Shares = 1.0
    gamma: Shares = 0.01
    rescale: bool = False

    def _rule(self, model: int, models: int, place: Place) -> Rule | None:
        densities, gammas = spread(self.density, models), spread(self.gamma, models)
        return magnitude_outliers(densities[model], gammas[model])
