"""The mean of ours and theirs, element by element (a "model soup" of two, arXiv:2203.05482).

Computed in float64 and rounded once, to nearest even. An element whose bits are equal on both sides keeps
them, so that ``average(x, x)`` is ``x`` also for negative zeros and the payloads of NaNs. Where only one
side is a NaN, or the sides are different ones, ours' bits win over theirs'; infinities that cancel give
the dtype's usual NaN.
"""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from mvc.history.manifest import Entry
from mvc.merge.strategies.strategy import Blend, Buffer, Side, Undecided, Verdict

#: The number in a word of each dtype that has a mean. Packed sub-byte floats have no agreed order.
_NUMBERS: dict[str, Any] = {
    "F64": np.float64,
    "F32": np.float32,
    "C64": np.float32,
    "F16": np.float16,
    "BF16": ml_dtypes.bfloat16,
    "F8_E5M2": ml_dtypes.float8_e5m2,
    "F8_E4M3": ml_dtypes.float8_e4m3fn,
    "F8_E8M0": ml_dtypes.float8_e8m0fnu,
    "F8_E4M3FNUZ": ml_dtypes.float8_e4m3fnuz,
    "F8_E5M2FNUZ": ml_dtypes.float8_e5m2fnuz,
}


class Average:
    """``--strategy average``; what is no floating-point tensor on both sides stays a conflict."""

    name = "average"
    file_side: Side | None = None

    def settle(self, base: Entry | None, ours: Entry | None, theirs: Entry | None) -> Verdict:
        """The mean, or why there is none."""
        if ours is None or theirs is None:
            return Undecided("was deleted on one side, which has no average")
        if (ours.dtype, ours.shape) != (theirs.dtype, theirs.shape):
            return Undecided(
                f"is {ours.dtype} {list(ours.shape)} on one side and "
                f"{theirs.dtype} {list(theirs.shape)} on the other, which have no average"
            )
        number = _NUMBERS.get(ours.dtype)
        if number is None:
            return Undecided(f"is {ours.dtype}, which has no average")

        def block(sides: tuple[Buffer, ...]) -> Buffer:
            return mean(sides[0], sides[1], np.dtype(number))

        return Blend(ours.dtype, ours.shape, ("ours", "theirs"), block)


def mean(ours: Buffer, theirs: Buffer, number: np.dtype[Any]) -> bytes:
    """The mean of two arrays of ``number`` given as bytes of the same length."""
    bits = np.dtype(f"<u{number.itemsize}")
    our_bits, their_bits = (np.frombuffer(side, bits) for side in (ours, theirs))
    with np.errstate(all="ignore"):  # signalling NaNs
        a, b = (_wide(side, number) for side in (our_bits, their_bits))
        result = (a + b) * 0.5
        # Only two huge float64 overflow; halves of huge numbers are exact.
        large = np.isinf(result) & np.isfinite(a) & np.isfinite(b)
        result[large] = a[large] * 0.5 + b[large] * 0.5
        undefined = np.isnan(result)
        result[undefined] = np.nan
        narrow = _narrow(result, number).view(bits)
    narrow = np.where(undefined & np.isnan(b), their_bits, narrow)
    keeps = (our_bits == their_bits) | np.isnan(a)
    return np.where(keeps, our_bits, narrow).astype(bits, copy=False).tobytes()


def _wide(bits: NDArray[Any], number: np.dtype[Any]) -> NDArray[np.float64]:
    return bits.view(_little(number)).astype(np.float64)


def _narrow(values: NDArray[np.float64], number: np.dtype[Any]) -> NDArray[Any]:
    return values.astype(_little(number))


def _little(number: np.dtype[Any]) -> np.dtype[Any]:
    return number.newbyteorder("<") if number.kind == "f" else number
