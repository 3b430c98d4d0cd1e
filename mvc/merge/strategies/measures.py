"""Sums over tensors that come out alike on every machine, and the few shapes of tensors that strategies share.

Sums are taken in float64, stretch by stretch: rounded to float32 they don't depend on how a processor adds,
and no float64 copy of a tensor is held.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mvc.merge.strategies.combination import Array

_STRETCH = 1 << 18


class Whole:
    """An array as ``Numbers``."""

    def __init__(self, array: Array) -> None:
        self.shape, self.size, self.dtype = array.shape, array.size, array.dtype
        self._flat = array.reshape(-1)

    def __getitem__(self, where: slice) -> Array:
        return self._flat[where]


def inner(one: Array, other: Array) -> float:
    """The inner product of two tensors of one shape."""
    a, b = one.reshape(-1), other.reshape(-1)
    total = 0.0
    for start in range(0, a.size, _STRETCH):
        part = np.multiply(
            a[start : start + _STRETCH], b[start : start + _STRETCH], dtype=np.float64
        )
        total += float(part.sum())
    return total


def norm(values: Array) -> float:
    """The L2 norm."""
    return math.sqrt(inner(values, values))


def weighted_sum(models: Sequence[Array], weights: Sequence[float]) -> Array:
    """The sum of ``weight × model``, in the dtype and the order of the models."""
    total = np.zeros_like(models[0])
    part = np.empty_like(total)
    for model, weight in zip(models, weights, strict=True):
        np.multiply(model, total.dtype.type(weight), out=part)
        total += part
    return total


def keep_equal(result: Array, models: Sequence[Array]) -> Array:
    """``result``, in place, but with what all models have to the bit: rounding moves no agreed element."""
    result = np.asarray(result)  # arithmetic makes a scalar of a tensor without dimensions
    bits = np.dtype(f"u{result.dtype.itemsize}")
    first = models[0].view(bits)
    agreed = np.ones(result.shape, bool)
    for other in models[1:]:
        agreed &= first == other.view(bits)
    np.copyto(result, models[0], where=agreed)
    return result


def identical(models: Sequence[Array]) -> bool:
    """Whether all are the same to the bit."""
    bits = np.dtype(f"u{models[0].dtype.itemsize}")
    first = models[0].view(bits)
    return all(np.array_equal(first, other.view(bits)) for other in models[1:])
