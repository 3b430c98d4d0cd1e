"""The mean of models on the sphere, whose arcs to all of them balance (Karcher mean, arXiv:2603.04972).

    uᵢ = θᵢ / |θᵢ|;        u ← exp_u( Σ log_u(uᵢ) / N )  until the step is shorter than ``tol``
    result = mean(|θᵢ|) · u

where log_u(uᵢ) = θ / sin θ · (uᵢ - cos θ · u) for the angle θ between them. Does not depend on the order of the
models, and needs no base.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mvc.merge.strategies.combination import Array, Numbers, Place
from mvc.merge.strategies.measures import (
    Whole,
    assembled,
    identical,
    inner,
    norm,
    stretches,
    unchanged,
    weighted_sum,
)
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

    @property
    def piecewise(self) -> bool:
        """Of the models only stretches are numbers; the mean is one in whole, and each step."""
        return True

    @property
    def scratch(self) -> int:
        """The mean and the step."""
        return 2

    def combine(self, base: Array | None, models: Sequence[Array], place: Place) -> Array:
        """The mean; the base does not count."""
        return assembled(self.pieces(None, [Whole(one) for one in models], place), models[0])

    def pieces(
        self, base: Numbers | None, models: Sequence[Numbers], place: Place
    ) -> Iterator[Array]:
        """The mean, stretch by stretch."""
        if identical(models):
            yield from unchanged(models[0])
            return
        norms = [norm(model) for model in models]
        units = [
            _Unit(model, length)
            for model, length in zip(models, norms, strict=True)
            if length > self.tol
        ]
        mean = self._mean(units) if units else Whole(np.zeros(models[0].size, models[0].dtype))
        scale = models[0].dtype.type(sum(norms) / len(norms) if units else 0)
        for here in stretches(models[0].size):
            yield mean[here] * scale

    def _mean(self, units: Sequence[_Unit]) -> Whole:
        """On the sphere."""
        share = 1 / len(units)
        size, kind = units[0].size, units[0].dtype.type
        mean, step = (Whole(np.empty(size, units[0].dtype)) for _ in range(2))
        for here in stretches(size):
            mean[here][...] = weighted_sum([unit[here] for unit in units], [share] * len(units))
        length = norm(mean)
        if length < self.tol:
            for here in stretches(size):
                mean[here][...] = units[0][here]
        else:
            _divide(mean, length)
        for _ in range(self.max_iter):
            self._step(mean, units, share, step)
            length = norm(step)
            if length < self.tol:
                break
            _divide(step, length)
            for here in stretches(size):
                mean[here][...] = (
                    kind(math.cos(length)) * mean[here] + kind(math.sin(length)) * step[here]
                )
            length = norm(mean)
            if length > self.tol:
                _divide(mean, length)
        return mean

    def _step(self, mean: Whole, units: Sequence[_Unit], share: float, step: Whole) -> None:
        """Where the models pull the mean, put into ``step``."""
        pulls = []
        for unit in units:
            cosine = max(-1.0, min(1.0, inner(mean, unit)))
            angle = math.acos(cosine)
            if angle < self.tol or math.sin(angle) == 0:
                continue
            pulls.append((unit, cosine, share * angle / math.sin(angle)))
        kind = mean.dtype.type
        for here in stretches(mean.size):
            total = np.zeros_like(mean[here])
            for unit, cosine, strength in pulls:
                pull = unit[here] - kind(cosine) * mean[here]
                pull *= kind(strength)
                total += pull
            step[here][...] = total


class _Unit:
    """A model divided by its length, as ``Numbers``."""

    def __init__(self, model: Numbers, length: float) -> None:
        self._model, self._length = model, model.dtype.type(length)
        self.size, self.shape, self.dtype = model.size, model.shape, model.dtype

    def __getitem__(self, where: slice) -> Array:
        part: Array = self._model[where] / self._length
        return part


def _divide(values: Whole, by: float) -> None:
    for here in stretches(values.size):
        part = values[here]
        part /= values.dtype.type(by)
