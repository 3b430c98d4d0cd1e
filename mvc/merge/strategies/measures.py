"""Sums over tensors that come out alike on every machine, and the few shapes of tensors that strategies share.

Sums are taken in float64, stretch by stretch: rounded to float32 they don't depend on how a processor adds,
and no float64 copy of a tensor is held.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from mvc.merge.strategies.combination import Array, Numbers
from mvc.merge.strategies.compiled import passes

_STRETCH = 1 << 18


class Whole:
    """An array as ``Numbers``."""

    def __init__(self, array: Array) -> None:
        self.shape, self.size, self.dtype = array.shape, array.size, array.dtype
        self._flat = array.reshape(-1)

    def __getitem__(self, where: slice) -> Array:
        return self._flat[where]


def stretches(size: int) -> Iterator[slice]:
    """The stretches in which sums are taken."""
    for start in range(0, size, _STRETCH):
        yield slice(start, min(start + _STRETCH, size))


def assembled(pieces: Iterator[Array], like: Array) -> Array:
    """The tensor that flat ``pieces`` make, in the shape and dtype of another."""
    result = np.empty_like(like)
    flat, filled = result.reshape(-1), 0
    for piece in pieces:
        flat[filled : filled + piece.size] = piece
        filled += piece.size
    return result


def dot(one: Array, other: Array) -> float:
    """The inner product of a stretch of two tensors."""
    return float(np.multiply(one, other, dtype=np.float64).sum())


def inner(one: Numbers, other: Numbers) -> float:
    """The inner product of two tensors of one shape."""
    return sum((dot(one[here], other[here]) for here in stretches(one.size)), 0.0)


def norm(values: Numbers) -> float:
    """The L2 norm."""
    return math.sqrt(inner(values, values))


def weighted_sum(models: Sequence[Array], weights: Sequence[float]) -> Array:
    """The sum of ``weight × model``, in the dtype and the order of the models."""
    compiled = passes(*models)
    if compiled is not None:
        return compiled.weighted_sum(models, weights)
    total = np.zeros_like(models[0])
    part = np.empty_like(total)
    for model, weight in zip(models, weights, strict=True):
        np.multiply(model, total.dtype.type(weight), out=part)
        total += part
    return total


def keep_equal(result: Array, models: Sequence[Array]) -> Array:
    """``result``, in place, but with what all models have to the bit: rounding moves no agreed element."""
    result = np.asarray(result)  # arithmetic makes a scalar of a tensor without dimensions
    compiled = passes(result, *models)
    if compiled is not None:
        compiled.keep_equal(result, models)
        return result
    bits = np.dtype(f"u{result.dtype.itemsize}")
    first = models[0].view(bits)
    agreed = np.ones(result.shape, bool)
    for other in models[1:]:
        agreed &= first == other.view(bits)
    np.copyto(result, models[0], where=agreed)
    return result


def identical(models: Sequence[Numbers]) -> bool:
    """Whether all are the same to the bit."""
    bits = np.dtype(f"u{models[0].dtype.itemsize}")
    for here in stretches(models[0].size):
        first = models[0][here].view(bits)
        if not all(np.array_equal(first, other[here].view(bits)) for other in models[1:]):
            return False
    return True


def unchanged(model: Numbers) -> Iterator[Array]:
    """The tensor as it is, stretch by stretch."""
    for here in stretches(model.size):
        yield model[here]
