"""Along the arc between what two models changed, or between the models; whole tensors, rows or columns.

    θ = angle(a, b)        a, b: the changes from the base, or the models
    result = [base +] (sin((1 - t)θ) a + sin(tθ) b) / sin θ,        t = w₂ / (w₁ + w₂)

mergekit's NuSLERP. Unlike ``slerp`` it goes round any angle that is not 0 or 180 degrees, and its place on the
arc comes from weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mvc.merge.strategies.combination import Array, Place
from mvc.merge.strategies.measures import identical, keep_equal
from mvc.merge.strategies.parameters import Parameters, Weights, require_models, spread

#: 1 - cos² up to which two vectors have one direction, and the shortest length that a vector is divided by.
_STRAIGHT = 1e-16
_SHORT = 1e-7


@dataclass(frozen=True)
class NuSlerp(Parameters):
    """``weight``: each model's. ``nuslerp_flatten``: a tensor is one vector; else its rows are, or, with
    ``nuslerp_row_wise``, its columns (mergekit's name for the first axis). ``task_vectors``: merge what the
    models changed."""

    name: ClassVar[str] = "nuslerp"
    weight: Weights = 1.0
    nuslerp_flatten: bool = True
    nuslerp_row_wise: bool = False
    task_vectors: bool = True

    @property
    def needs_base(self) -> bool:
        """Unless it is told otherwise, as mergekit does with a base model."""
        return self.task_vectors

    def accept(self, models: int) -> None:
        """An arc has two ends."""
        super().accept(models)
        require_models(self.name, models, 2, 2)

    def combine(self, base: Array | None, models: Sequence[Array], place: Place) -> Array:
        """The point on the arc, from the base on if there is one."""
        weights = spread(self.weight, 2)
        total = sum(weights)
        t = 0.5 if abs(total) < 1e-6 else weights[1] / total
        if base is None or not self.task_vectors:
            return models[0].copy() if identical(models) else self._arc(t, models[0], models[1])
        result = base + self._arc(t, models[0] - base, models[1] - base)
        return keep_equal(result, [base, *models])

    def _arc(self, t: float, a: Array, b: Array) -> Array:
        shape = a.shape
        if self.nuslerp_flatten or not shape:
            a, b = a.reshape(-1), b.reshape(-1)
        elif self.nuslerp_row_wise:
            a, b = np.swapaxes(a, 0, -1), np.swapaxes(b, 0, -1)
        lengths = [np.maximum(np.sqrt(_dots(x, x)), _SHORT) for x in (a, b)]
        cosine = np.clip(_dots(a, b) / lengths[0] / lengths[1], -1, 1)
        straight = 1 - cosine * cosine <= _STRAIGHT
        angle = np.arccos(np.where(straight, 0, cosine))
        sine = np.sin(angle)
        of_a = np.where(straight, 1 - t, np.sin((1 - t) * angle) / sine).astype(a.dtype)
        of_b = np.where(straight, t, np.sin(t * angle) / sine).astype(a.dtype)
        result = of_a * a + of_b * b
        if self.nuslerp_row_wise and not self.nuslerp_flatten and shape:
            result = np.swapaxes(result, 0, -1)
        return np.ascontiguousarray(result).reshape(shape)


def _dots(a: Array, b: Array) -> Array:
    """Inner products along the last axis, which stays."""
    product: Array = np.einsum("...i,...i->...", a, b, dtype=np.float64, casting="same_kind")
    return product[..., np.newaxis]
