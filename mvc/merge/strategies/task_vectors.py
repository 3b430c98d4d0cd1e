"""Merging what models changed: the arithmetic that task arithmetic, TIES, DARE, DELLA and Breadcrumbs share.

    result = base + lambda · Σ wᵢ mᵢ sparse(θᵢ - base) [ / Σ wᵢ mᵢ ]

``mᵢ`` keeps, element by element, the weighted changes whose sign is that of their sum (TIES, arXiv:2306.01708);
without consensus it is 1 everywhere. Of the models only stretches are in memory as numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mvc.errors import MvcError
from mvc.merge.strategies.combination import Array, Numbers, Place
from mvc.merge.strategies.measures import Whole, assembled, keep_equal
from mvc.merge.strategies.parameters import Number, Parameters, Weights, spread
from mvc.merge.strategies.sparsify import Change, Keep, Rule, rescaling, stretches


@dataclass(frozen=True)
class TaskVectors(Parameters):
    """``weight``: each model's; ``lambda``: what the sum is scaled by; ``normalize``: divide by the weights
    that count; ``rescale``: give each change that was thinned out its L1 norm back."""

    consensus: ClassVar[bool] = False
    weight: Weights = 1.0
    lambda_: Number = 1.0
    normalize: bool = False

    @property
    def piecewise(self) -> bool:
        """Stretch by stretch, once the rule has seen all."""
        return True

    @property
    def scratch(self) -> int:
        """The magnitudes of one change."""
        return 1

    def combine(self, base: Array | None, models: Sequence[Array], place: Place) -> Array:
        """The merged tensor."""
        start = require_base(base)
        pieces = self.pieces(Whole(start), [Whole(model) for model in models], place)
        return assembled(pieces, start)

    def pieces(
        self, base: Numbers | None, models: Sequence[Numbers], place: Place
    ) -> Iterator[Array]:
        """The merged tensor, flat, stretch by stretch."""
        if base is None:
            raise MvcError("a strategy that merges changes was given no base")
        unit = self._unit(base.shape)
        kind = base.dtype.type
        weights = spread(self.weight, len(models))
        changes = [Change(base, model, number, unit) for number, model in enumerate(models)]
        kept = [self._kept(change, place, len(models)) for change in changes]
        for here in stretches(base.size, unit):
            start, ends = base[here], [model[here] for model in models]
            parts = []
            for end, weight, (keep, factor) in zip(ends, weights, kept, strict=True):
                part = end - start
                if keep is not None:
                    part *= keep(part)
                if factor != 1:
                    part *= kind(factor)
                part *= kind(weight)
                parts.append(part)
            mixed, divisor = (_agreeing if self.consensus else _all)(parts, weights)
            if self.normalize:
                mixed /= divisor
            if self.lambda_ != 1:
                mixed *= kind(self.lambda_)
            mixed += start
            yield keep_equal(mixed, [start, *ends])

    def _unit(self, shape: tuple[int, ...]) -> int:
        """Elements that a rule has to see together."""
        return 1

    def _rule(self, model: int, models: int, place: Place) -> Rule | None:
        """What is kept of the change of one of so many models; None for all."""
        return None

    def _kept(self, change: Change, place: Place, models: int) -> tuple[Keep | None, float]:
        """What is kept of a change, and what that is scaled by."""
        rule = self._rule(change.number, models, place)
        fresh = None if rule is None else rule(change)
        if fresh is None:
            return None, 1.0
        rescale = getattr(self, "rescale", False)
        return fresh(), rescaling(change, fresh) if rescale else 1.0


def require_base(base: Array | None) -> Array:
    """The base, of a strategy that can't do without.

    Raises:
        MvcError: it is not there.
    """
    if base is None:
        raise MvcError("a strategy that merges changes was given no base")
    return base


def majority(changes: Sequence[Array]) -> Array:
    """The sign, 1 or -1, of the sum of changes, element by element; of nothing it is 1."""
    total = changes[0].copy()
    for change in changes[1:]:
        total += change
    sign: Array = np.where(total >= 0, total.dtype.type(1), total.dtype.type(-1))
    return sign


def _all(changes: Sequence[Array], weights: Sequence[float]) -> tuple[Array, Array]:
    mixed = changes[0].copy()
    for change in changes[1:]:
        mixed += change
    divisor = np.asarray(sum(map(mixed.dtype.type, weights)), mixed.dtype)
    return mixed, divisor if abs(divisor) >= 1e-8 else np.ones_like(divisor)


def _agreeing(changes: Sequence[Array], weights: Sequence[float]) -> tuple[Array, Array]:
    """The sum of the changes that have the majority's sign, and of their weights."""
    sign = majority(changes)
    mixed, divisor = np.zeros_like(sign), np.zeros_like(sign)
    for change, weight in zip(changes, weights, strict=True):
        agrees = np.sign(change) == sign
        mixed += change * agrees
        divisor += sign.dtype.type(weight) * agrees
    divisor[divisor == 0] = 1
    return mixed, divisor
