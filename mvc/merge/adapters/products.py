"""The arithmetic of LoRA: a weight plus the scaled product of two factors, and DoRA's norms.

    W' = W + s · B A        DoRA (arXiv:2402.09353): m / |W + s · B A| · (W + s · B A), the norm of each output

LoRA is arXiv:2106.09685. Products are sums of one rank after the other in float64, by multiplications and
additions of IEEE 754 alone: no library's matrix product, so all machines give the same bits. Rounded once.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mvc.merge.held import Bytes, Held
from mvc.merge.strategies.combination import Array
from mvc.merge.strategies.numbers import narrowed
from mvc.values import dataclass

#: Elements of a stretch of rows: what is computed with stays in the processor's cache.
_STRETCH = 1 << 15
_DOUBLE = np.dtype(np.float64)


@dataclass(frozen=True, slots=True)
class Product:
    """``scale · left @ right``, float64; ``left`` is [rows, r] and ``right`` [r, columns]."""

    left: Array
    right: Array
    scale: float

    def rows(self, start: int, stop: int) -> Array:
        """Some of its rows, in float64."""
        total = np.zeros((stop - start, self.right.shape[1]))
        part = np.empty_like(total)
        for rank in range(self.left.shape[1]):
            np.multiply(self.left[start:stop, rank, np.newaxis], self.right[rank], out=part)
            total += part
        total *= self.scale
        return total

    def whole(self) -> Array:
        """All of it."""
        return self.rows(0, self.left.shape[0])


def product_of(a: Held, b: Held, scale: float, *, transposed: bool) -> Product:
    """The product of factors as they are stored (see ``reading.Factors``), in the shape of the weight;
    ``transposed``: of weights stored [in, out], and of embeddings."""
    right = a.whole().reshape(a.shape[0], -1)
    left = b.whole().reshape(b.shape[0], -1)
    if transposed:
        return Product(np.ascontiguousarray(right.T), np.ascontiguousarray(left.T), scale)
    return Product(left, right, scale)


def merged_in(
    weight: Held, product: Product, dtype: str, magnitude: Array | None, *, by_column: bool
) -> Bytes:
    """The bytes of the weight with the product added.

    ``weight`` gives float64. ``magnitude``: DoRA's, of each row or, ``by_column``, of each column.
    """
    factor = None
    if magnitude is not None:
        factor = _factor(weight, product, magnitude.reshape(-1), by_column=by_column)
    parts = []
    for start, total in _sums(weight, product):
        if factor is not None:
            here = factor if by_column else factor[start : start + len(total), np.newaxis]
            np.multiply(total, here, out=total)
        parts.append(rounded(total, dtype))
    return np.concatenate(parts) if parts else np.empty(0, np.uint8)


def rounded(values: Array, dtype: str) -> Bytes:
    """The bytes of float64 ``values`` in ``dtype``, rounded once to nearest even.

    What is narrower than float32 goes through it rounded to odd, so that no tie is made on the way (Boldo and
    Melquiond, 2008).
    """
    if dtype in ("F64", "F32"):
        return narrowed(values, dtype)
    single = values.astype(np.float32)
    again, bits = single.astype(_DOUBLE), single.view(np.uint32)
    # Towards zero, then the last bit set: the neighbour of both that is odd.
    bits -= (np.abs(again) > np.abs(values)).view(np.uint8)
    bits |= (again != values).view(np.uint8)
    return narrowed(single, dtype)


def _sums(weight: Held, product: Product) -> Iterator[tuple[int, Array]]:
    """The first row and the sum of weight and product, stretch by stretch."""
    rows, columns = product.left.shape[0], product.right.shape[1]
    step = max(1, _STRETCH // max(columns, 1))
    for start in range(0, rows, step):
        stop = min(start + step, rows)
        total = product.rows(start, stop)
        total += weight[start * columns : stop * columns].reshape(total.shape)
        yield start, total


def _factor(weight: Held, product: Product, magnitude: Array, *, by_column: bool) -> Array:
    norms = np.zeros(product.right.shape[1] if by_column else product.left.shape[0])
    for start, total in _sums(weight, product):
        np.multiply(total, total, out=total)
        if by_column:
            for row in total:
                norms += row
        else:
            norms[start : start + len(total)] = total.sum(axis=1)
    factor: Array = magnitude / np.sqrt(norms)
    return factor
