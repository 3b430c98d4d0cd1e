"""The numbers of one tensor, streamed: extremes, mean, deviation, norm, and what is not finite.

It takes bytes in pieces and keeps a block of them; arithmetic is in float64, as in ``numeric.py``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from mvc.diff.pairing import Stream
from mvc.diff.scratch import Numbers, Scratch
from mvc.diff.stats import Sum
from mvc.diff.wide import BLOCK, dot, reader
from mvc.dtypes import DTYPES
from mvc.errors import CorruptPack
from mvc.values import dataclass

#: A block with numbers beyond these is brought to a scale at which no square over- or underflows.
_LEAST, _MOST = 2.0**-400, 2.0**400


@dataclass(frozen=True, slots=True)
class TensorSummary:
    """What the elements of a tensor amount to; all but ``elements`` is over the parts of complex ones.

    All but the counts are over the finite elements, and None where there are none, or where float64 can't hold
    the number. ``std`` divides by their number. Integers of 64 bits are rounded to float64.
    """

    elements: int
    zeros: int
    nan: int
    infinite: int
    min: float | None
    max: float | None
    mean: float | None
    std: float | None
    norm: float | None


def summarize(dtype: str, pieces: Iterator[memoryview], scratch: Scratch) -> TensorSummary:
    """The numbers of a tensor, given as row-major little-endian bytes.

    Raises:
        CorruptPack: the bytes end within an element.
        MvcError: whatever reading a piece raises.
    """
    read, totals = reader(dtype, scratch), _Totals()
    bits, parts = DTYPES[dtype].bits, 2 if dtype == "C64" else 1
    stream = Stream(pieces, scratch.array("straddle", BLOCK * bits // 8, np.uint8))
    numbers = scratch.array("numbers", BLOCK * parts, np.float64)
    with np.errstate(all="ignore"):
        while len(raw := stream.take()):
            if len(raw) * 8 % bits:
                raise CorruptPack("a tensor ends within an element", hint="mvc fsck --full")
            totals.add(read(raw, numbers))
    return totals.summary(parts)


class _Totals:
    """Mean and deviation are joined block by block (Chan, Golub & LeVeque 1983): no digits cancel."""

    def __init__(self) -> None:
        self.numbers = self.zeros = self.nan = self.infinite = self.finite = 0
        self.least, self.most = math.inf, -math.inf
        self.mean = self.deviation = 0.0
        self.square = Sum()

    def add(self, block: Numbers) -> None:
        self.numbers += len(block)
        self.zeros += len(block) - int(np.count_nonzero(block))
        least, most = float(block.min()), float(block.max())
        if not (math.isfinite(least) and math.isfinite(most)):
            nan, finite = int(np.count_nonzero(np.isnan(block))), block[np.isfinite(block)]
            self.nan += nan
            self.infinite += len(block) - len(finite) - nan
            block = finite
            if not len(block):
                return
            least, most = float(block.min()), float(block.max())
        self.least, self.most = min(self.least, least), max(self.most, most)
        self._add_square(block, max(-least, most))
        self._add_mean(block)

    def _add_square(self, block: Numbers, largest: float) -> None:
        exponent = 0
        if largest and not _LEAST < largest < _MOST:
            exponent = math.frexp(largest)[1]
            block = np.ldexp(block, -exponent)
        self.square.add(dot(block, block), 2 * exponent)

    def _add_mean(self, block: Numbers) -> None:
        count, mean = len(block), float(block.mean())
        apart = mean - self.mean
        all_ = self.finite + count
        centred = block - mean
        self.deviation += dot(centred, centred)
        self.deviation += apart * apart * self.finite * count / all_
        self.mean += apart * count / all_
        self.finite = all_

    def summary(self, parts: int) -> TensorSummary:
        some = self.finite > 0
        square, exponent = self.square.total()
        return TensorSummary(
            elements=self.numbers // parts,
            zeros=self.zeros,
            nan=self.nan,
            infinite=self.infinite,
            min=self.least if some else None,
            max=self.most if some else None,
            mean=_held(self.mean) if some else None,
            std=_held(math.sqrt(self.deviation / self.finite)) if some else None,
            norm=_norm(square, exponent) if some else None,
        )


def _held(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _norm(square: float, exponent: int) -> float | None:
    try:
        return math.ldexp(math.sqrt(square), exponent // 2)
    except OverflowError:
        return None
