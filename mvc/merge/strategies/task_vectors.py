"""Merging what models changed: the arithmetic that task arithmetic, TIES, DARE, DELLA and Breadcrumbs share.

    result = base + lambda · Σ wᵢ mᵢ sparse(θᵢ - base) [ / Σ wᵢ mᵢ ]

``mᵢ`` keeps, element by element, the weighted changes whose sign is that of their sum (TIES, arXiv:2306.01708);
without consensus it is 1 everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mvc.errors import MvcError
from mvc.merge.strategies.combination import Array
from mvc.merge.strategies.measures import keep_equal

#: A change and the number of its model to the change that is merged.
Sparsify = Callable[[Array, int], Array]


def merged(
    base: Array | None,
    models: Sequence[Array],
    weights: Sequence[float],
    *,
    scale: float,
    consensus: bool,
    normalize: bool,
    sparsify: Sparsify | None = None,
) -> Array:
    """The merged tensor; ``scale`` is lambda.

    Raises:
        MvcError: there is no base.
    """
    based = require_base(base)
    kind = based.dtype.type
    changes = []
    for number, model in enumerate(models):
        change = model - based
        if sparsify is not None:
            change = sparsify(change, number)
        change *= kind(weights[number])
        changes.append(change)
    mixed, divisor = _agreeing(changes, weights) if consensus else _all(changes, weights)
    if normalize:
        mixed /= divisor
    if scale != 1:
        mixed *= kind(scale)
    mixed += based
    return keep_equal(mixed, [based, *models])


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
