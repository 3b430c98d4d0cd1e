"""The right factor of a change of low rank, such as a LoRA that was merged leaves; None for any other.

First a few rows are looked at, which the choice of a base has at hand: their change has as many large
eigenvalues as the rank, and the others are those of rounding. Where rows are few, a high rank is not told from
a full one, and is let go. Then the factor is taken from a stretch of rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mvc.store.codecs.lowrank import LARGEST, MANTISSAS, RANKS
from mvc.store.codecs.quantizing import F32, WIDTHS, floats

#: By how much an eigenvalue is above those of rounding, and what may be left over of these.
_ABOVE = 4.0
_LEFT = 3.0
#: The change has to be larger than rounding, or there is nothing to gain.
_WORTH = 1.5
#: How much finer than a word's step the product is.
_FINER = 32
#: A rank may have this share of the rows at hand, and of the columns.
_SHARE = 0.8
_NARROWEST = 8
#: Rows that are looked at.
_ROWS = 96
#: Elements whose steps stand for those of all.
_NOISE = 16 * 1024
Doubles = npt.NDArray[np.float64]


def rank(raw: memoryview, base: memoryview, form: int, columns: int) -> int:
    """The rank of the change from ``base``, of whole rows; 0 when it is not low, or not there."""
    change, noise = _change(raw, base, form, columns)
    change = change[:: max(1, len(change) // _ROWS)][:_ROWS]
    rows = len(change)
    if rows < 2 or columns < _NARROWEST * 2:
        return 0
    change = change.astype(np.float64)
    values = np.linalg.eigvalsh(change @ change.T)[::-1]
    edge = noise * columns * (1 + np.sqrt(rows / columns)) ** 2
    found = int(np.count_nonzero(values > _ABOVE * edge))
    most = min(RANKS, rows * _SHARE, columns / _NARROWEST)
    if not 0 < found <= most or values.sum() < _WORTH * noise * rows * columns:
        return 0
    return found if values[found:].sum() <= _LEFT * noise * rows * columns else 0


def right(
    raw: memoryview, base: memoryview, form: int, columns: int, number: int
) -> npt.NDArray[np.int64]:
    """The integers of the factor of rank ``number``, from a stretch of whole rows."""
    change, noise = _change(raw, base, form, columns)
    draw = np.random.default_rng(0)
    wide = min(number + 8, len(change), columns)
    span = change @ draw.standard_normal((columns, wide)).astype(change.dtype)
    span = np.linalg.qr(change @ (change.T @ np.linalg.qr(span)[0]))[0]
    _, _, rows = np.linalg.svd(span.T @ change, full_matrices=False)
    found = rows[:number]
    size = np.sqrt(float((change**2).sum()) / len(change))
    step = np.sqrt(12 * noise)
    scale = min(2.0 ** np.ceil(np.log2(_FINER * size / step)), LARGEST / 2.0)
    integers: npt.NDArray[np.int64] = np.rint(found * scale).astype(np.int64)
    return integers


def _change(
    raw: memoryview, base: memoryview, form: int, columns: int
) -> tuple[npt.NDArray[Any], float]:
    """The change by rows, and the variance that rounding leaves in an element of it."""
    # Half precision leaves rounding far above what single precision loses.
    exact: type[Any] = np.float64 if form == F32 else np.float32
    count = len(raw) // WIDTHS[form] // columns * columns
    with np.errstate(all="ignore"):
        after, before = (floats(one, form)[:count].astype(exact) for one in (raw, base))
        change = np.nan_to_num(after - before, nan=0, posinf=0, neginf=0)
        some = after[:: max(1, count // _NOISE)]
        _, exponent = np.frexp(np.where(np.isfinite(some), some, 0))
    steps = np.ldexp(1.0, 2 * (exponent - 1 - MANTISSAS[form]).astype(np.int64))
    return change.reshape(-1, columns), float(steps.mean()) / 12
