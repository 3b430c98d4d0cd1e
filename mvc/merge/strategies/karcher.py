"""The mean of models on the sphere, whose arcs to all of them balance (Karcher mean, arXiv:2603.04972).

    uᵢ = θᵢ / |θᵢ|;        u ← exp_u( Σ log_u(uᵢ) / N )  until the step is shorter than ``tol``
    result = mean(|θᵢ|) · u

where log_u(uᵢ) = θ / sin θ · (uᵢ - cos θ · u) for the angle θ between them. Does not depend on the order of the
models, and needs no base.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mvc.merge.strategies.combination import Array, Place
from mvc.merge.strategies.measures import identical, inner, norm, weighted_sum
from mvc.merge.strategies.parameters import Count, Parameters, Positive


@dataclass(frozen=True)
class Karcher(Parameters):
    """``max_iter``: the most steps; ``tol``: the step, angle and norm below which it is as good as zero."""

    name: ClassVar[str] = "karcher"
    max_iter: Count = 10
    tol: Positive = 1e-5

    @property
    def needs_base(self) -> bool:
        """The models as they are."""
        return False

    def combine(self, base: Array | None, models: Sequence[Array], place: Place) -> Array:
        """The mean; the base does not count."""
        if identical(models):
            return models[0].copy()
        norms = [norm(model) for model in models]
        units = [
            model / model.dtype.type(length)
            for model, length in zip(models, norms, strict=True)
            if length > self.tol
        ]
        if not units:
            return np.zeros_like(models[0])
        share = 1 / len(units)
        mean = weighted_sum(units, [share] * len(units))
        length = norm(mean)
        mean = units[0].copy() if length < self.tol else _divided(mean, length)
        for _ in range(self.max_iter):
            step = self._step(mean, units, share)
            length = norm(step)
            if length < self.tol:
                break
            kind = mean.dtype.type
            mean = kind(math.cos(length)) * mean + kind(math.sin(length)) * _divided(step, length)
            length = norm(mean)
            if length > self.tol:
                mean = _divided(mean, length)
        mean *= mean.dtype.type(sum(norms) / len(norms))
        return mean

    def _step(self, mean: Array, units: Sequence[Array], share: float) -> Array:
        """Where the models pull the mean."""
        step = np.zeros_like(mean)
        for unit in units:
            cosine = max(-1.0, min(1.0, inner(mean, unit)))
            angle = math.acos(cosine)
            if angle < self.tol or math.sin(angle) == 0:
                continue
            pull = unit - mean.dtype.type(cosine) * mean
            pull *= mean.dtype.type(share * angle / math.sin(angle))
            step += pull
        return step


def _divided(values: Array, by: float) -> Array:
    values /= values.dtype.type(by)
    return values
