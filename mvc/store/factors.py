"""The right factor of a change of low rank, such as a LoRA that was merged leaves; None for any other.

First a few rows are looked at, which the choice of a base has at hand: their change has as many large
eigenvalues as the rank, and the others are those of rounding. Where rows are few, a high rank is not told from
a full one, and is let go. Then the factor is taken from a stretch of rows.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mvc.store.codecs.lowrank import LARGEST, MANTISSAS, RANKS
from mvc.store.codecs.quantizing import BF16, F32, WIDTHS, Floats, floats
from mvc.store.one_thread import one_thread
from mvc.store.workers import Buffers

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
#: Rows that are looked at, and those that are enough to tell most changes of full rank.
_ROWS = 96
_FEW_ROWS = 24
#: Rows of a change that is taken for one of low rank correlate by more than this, squared, in the mean: one in
#: 100, where it is but just above rounding; those of any number of columns by one in that number.
_ALIKE = 1 / 200
#: Bits of an integer of either factor, at the least; and the share of all bits that a change must promise to
#: save for its factor to be looked for, somewhat less than what it must save. Of 36 matrices of a contrastive
#: fine-tune whose change is of low rank none is better off with its factor; most are let go here.
_BITS = 8
_WORTH_A_TRIAL = 0.15
#: Elements whose steps stand for those of all.
_NOISE = 8 * 1024

_after, _before, _changes = Buffers(), Buffers(), Buffers()
Words = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]


class Low(NamedTuple):
    """A change of low rank, and the bits that each element takes less without it."""

    rank: int
    gain: float

    def pays(self, rows: int, columns: int, bits: float) -> bool:
        """Whether factors for so many rows and columns may save a share of ``bits`` an element."""
        return self.gain - _BITS * self.rank * (1 / rows + 1 / columns) > _WORTH_A_TRIAL * bits


@one_thread()
def low(raw: memoryview, base: memoryview, form: int, columns: int) -> Low | None:
    """The change from ``base``, of whole rows; None when its rank is not low, or it is not there."""
    count = len(raw) // (WIDTHS[form] * columns)
    if count < 2 or columns < _NARROWEST * 2:
        return None
    after, before = (
        np.frombuffer(one, f"<u{WIDTHS[form]}", count * columns).reshape(count, columns)
        for one in (raw, base)
    )
    step = -(-count // _FEW_ROWS)
    few, _ = _change_of_some(after[::step], before[::step], form)
    if not _alike(few):
        return None
    step = max(1, count // _ROWS)
    change, noise = _change_of_some(after[::step][:_ROWS], before[::step][:_ROWS], form)
    rows = len(change)
    values = np.linalg.eigvalsh(change @ change.T)[::-1]
    edge = noise * columns * (1 + np.sqrt(rows / columns)) ** 2
    found = int(np.count_nonzero(values > _ABOVE * edge))
    most = min(RANKS, rows * _SHARE, columns / _NARROWEST)
    if not 0 < found <= most or values.sum() < _WORTH * noise * rows * columns:
        return None
    left = float(values[found:].sum())
    if not 0 < left <= _LEFT * noise * rows * columns:
        return None if left else Low(found, math.inf)
    return Low(found, math.log2(float(values.sum()) / left) / 2)


def _alike(change: Doubles) -> bool:
    """Whether the rows may lie in a space of few dimensions."""
    likeness = change @ change.T
    sizes = np.sqrt(np.diagonal(likeness))
    if len(change) < _FEW_ROWS // 2 or not sizes.all():
        return True  # too little to tell
    likeness /= sizes[:, None] * sizes
    number = len(change)
    return float(np.vdot(likeness, likeness)) - number > _ALIKE * number * (number - 1)


@one_thread()
def right(
    raw: memoryview, base: memoryview, form: int, columns: int, number: int
) -> npt.NDArray[np.int64]:
    """The integers of the factor of rank ``number``, from a stretch of whole rows."""
    after, before = (floats(one, form).reshape(-1, columns) for one in (raw, base))
    change, noise = _change(after, before, form)
    draw = np.random.default_rng(0)
    wide = min(number + 8, len(change), columns)
    span = change @ draw.standard_normal((columns, wide)).astype(change.dtype)
    span = np.linalg.qr(change @ (change.T @ np.linalg.qr(span)[0]))[0]
    _, _, rows = np.linalg.svd(span.T @ change, full_matrices=False)
    found = rows[:number]
    size = np.sqrt(float(np.vdot(change, change)) / len(change))
    step = np.sqrt(12 * noise)
    scale = min(2.0 ** np.ceil(np.log2(_FINER * size / step)), LARGEST / 2.0)
    integers: npt.NDArray[np.int64] = np.rint(found * scale).astype(np.int64)
    return integers


def _change_of_some(after: Words, before: Words, form: int) -> tuple[Doubles, float]:
    """``_change`` of a few rows, in scratch of this thread: fresh memory costs more than the sums."""
    shape, size = after.shape, after.size
    changed = np.frombuffer(_changes.take(8 * size), "<f8").reshape(shape)
    some = []
    for words, buffer in ((after, _after), (before, _before)):
        whole = np.frombuffer(buffer.take(4 * size), "<u4").reshape(shape)
        if form == BF16:
            np.left_shift(words, 16, out=whole, dtype=np.uint32)
        else:
            whole.view("<f4")[...] = words.view(f"<f{WIDTHS[form]}")
        some.append(whole.view("<f4"))
    return _change(some[0], some[1], form, changed)


def _change(
    after: Floats, before: Floats, form: int, out: npt.NDArray[Any] | None = None
) -> tuple[npt.NDArray[Any], float]:
    """The change by rows, and the variance that rounding leaves in an element of it."""
    # Half precision leaves rounding far above what single precision loses.
    exact: type[Any] = np.float64 if form == F32 or out is not None else np.float32
    with np.errstate(all="ignore"):
        change = np.subtract(after, before, out=out, dtype=exact)
        if not np.isfinite(change).all():
            np.nan_to_num(change, copy=False, nan=0, posinf=0, neginf=0)
        some = after.ravel()[:: max(1, after.size // _NOISE)]
        _, exponent = np.frexp(np.where(np.isfinite(some), some, 0))
    steps = np.ldexp(1.0, 2 * (exponent - 1 - MANTISSAS[form]).astype(np.int64))
    return change, float(steps.mean()) / 12
