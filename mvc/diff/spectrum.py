"""The singular values of a matrix's change, and how many dimensions it really has.

Rows are streamed; what is kept does not grow with them. Where the short side is at most ``EXACT`` all values
are found, through the Gram matrix in float64, whose square root loses what is below 1e-8 of the largest. Else
the largest are estimated from below by projecting on a random subspace (Halko, Martinsson & Tropp 2011).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from mvc.diff.pairing import pairs
from mvc.diff.scratch import Numbers, Scratch
from mvc.diff.wide import reader
from mvc.dtypes import DTYPES
from mvc.values import dataclass

#: The longest short side of which all singular values are found.
EXACT = 1024
#: Values that are estimated beyond that, and dimensions more that make the last of them good.
_ESTIMATED, _SPARE = 64, 8
#: A wide matrix is held as a whole for its Gram matrix: at most so many elements.
_HELD = 1 << 23
#: Share of the energy that ``rank90`` asks for.
_MOST = 0.9


@dataclass(frozen=True, slots=True)
class Spectrum:
    """``values``: singular values of new − old, the largest first.

    ``size`` is the short side: how many there are. ``stable_rank`` is ‖Δ‖²_F / σ₁². ``rank90``: how many carry
    90 % of ‖Δ‖²_F, and ``effective_rank`` the exponential of the entropy of σ / Σσ (Roy & Vetterli 2007); None
    where only the largest values were estimated and don't tell. ``complete``: all were found.
    """

    values: tuple[float, ...]
    size: int
    complete: bool
    stable_rank: float
    rank90: int | None
    effective_rank: float | None


#: Gives the pieces of both versions; may be called more than once.
Reading = Callable[[], tuple[Iterator[memoryview], Iterator[memoryview]]]


def spectrum(
    dtypes: tuple[str, str], shape: tuple[int, int], read: Reading, scale: float, scratch: Scratch
) -> Spectrum | None:
    """The spectrum of the change of a matrix; None when nothing finite differs.

    ``scale`` is the largest difference: it is divided out, so that no square overflows. What is not finite
    counts as no difference.

    Raises:
        MvcError: whatever reading a piece raises.
    """
    if not 0 < scale < math.inf or min(shape) < 1:
        return None
    rows = _Rows(dtypes, shape, read, scale, scratch)
    short = min(shape)
    if short > EXACT or (shape[0] < shape[1] and shape[0] * shape[1] > _HELD):
        squares, energy = _sketched(rows, shape)
        complete = False
    else:
        gram = _gram(rows, shape)
        energy = float(np.trace(gram))
        squares, complete = np.linalg.eigvalsh(gram)[::-1], True
    if not energy > 0:
        return None
    return _judged(np.clip(squares, 0, None), energy, scale, short, complete)


class _Rows:
    """The change, some rows at a time, as float64."""

    def __init__(
        self,
        dtypes: tuple[str, str],
        shape: tuple[int, int],
        read: Reading,
        scale: float,
        scratch: Scratch,
    ) -> None:
        self._dtypes, self._shape, self._read = dtypes, shape, read
        self._scale, self._scratch = scale, scratch

    def __iter__(self) -> Iterator[Numbers]:
        columns = self._shape[1]
        step = max(1, (1 << 17) // columns)
        step += -step % 8 if any(DTYPES[dtype].bits < 8 for dtype in self._dtypes) else 0
        elements = step * columns
        first, second = (reader(dtype, self._scratch) for dtype in self._dtypes)
        # `reader` fills scratch of a block of its own; longer rows are taken in its portions.
        a, b = (self._scratch.array(role, elements, np.float64) for role in ("rows a", "rows b"))
        pieces = pairs(self._dtypes, *self._read(), elements, self._scratch)
        with np.errstate(all="ignore"):
            for raw_a, raw_b in pieces:
                old = _filled(first, raw_a, a, DTYPES[self._dtypes[0]].bits)
                new = _filled(second, raw_b, b, DTYPES[self._dtypes[1]].bits)
                np.subtract(new, old, out=new)
                new /= self._scale
                if not np.isfinite(new).all():
                    new[~np.isfinite(new)] = 0
                yield new.reshape(-1, columns)


def _filled(read: Callable[[Any, Numbers], Numbers], raw: Any, out: Numbers, bits: int) -> Numbers:
    portion = (1 << 17) * bits // 8
    filled = 0
    for start in range(0, len(raw), portion):
        filled += len(read(raw[start : start + portion], out[filled:]))
    return out[:filled]


def _gram(rows: _Rows, shape: tuple[int, int]) -> Numbers:
    if shape[0] >= shape[1]:
        gram = np.zeros((shape[1], shape[1]))
        for block in rows:
            gram += block.T @ block
        return gram
    held = np.empty(shape)
    filled = 0
    for block in rows:
        held[filled : filled + len(block)] = block
        filled += len(block)
    product: Numbers = held @ held.T
    return product


def _sketched(rows: _Rows, shape: tuple[int, int]) -> tuple[Numbers, float]:
    """Squares of the largest singular values, from below, and the sum of all squares."""
    draw = np.random.default_rng(0)
    width = min(_ESTIMATED + _SPARE, *shape)
    sketch = np.zeros((width, shape[1]))
    energy = 0.0
    for block in rows:
        sketch += draw.standard_normal((width, len(block))) @ block
        energy += float(np.vdot(block, block))
    basis = np.linalg.qr(sketch.T)[0]
    gram = np.zeros((width, width))
    for block in rows:
        shadow = block @ basis
        gram += shadow.T @ shadow
    return np.linalg.eigvalsh(gram)[::-1][:_ESTIMATED], energy


def _judged(squares: Numbers, energy: float, scale: float, size: int, complete: bool) -> Spectrum:
    values = np.sqrt(squares)
    reached = np.flatnonzero(np.cumsum(squares) >= _MOST * energy * (1 - 1e-12))
    effective = None
    if complete:
        share = values[values > 0] / values.sum()
        effective = float(np.exp(-(share * np.log(share)).sum()))
    return Spectrum(
        values=tuple(float(value) * scale for value in values),
        size=size,
        complete=complete,
        stable_rank=energy / (float(squares[0]) or energy),
        rank90=int(reached[0]) + 1 if len(reached) else None,
        effective_rank=effective,
    )
