"""From stored bytes to numbers to compute with, and back.

BF16 goes through integers: the casts of ml_dtypes hold the interpreter's lock. Rounding is to nearest even; a
NaN stays one, quiet and with its sign.
"""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from mvc.merge.strategies.combination import Array
from mvc.merge.strategies.compiled import passes

#: The dtypes of tensors that are numbers to compute with. F8_E8M0 has no sign, and so no changes.
FLOATS: dict[str, Any] = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": ml_dtypes.bfloat16,
    "F8_E5M2": ml_dtypes.float8_e5m2,
    "F8_E4M3": ml_dtypes.float8_e4m3fn,
    "F8_E4M3FNUZ": ml_dtypes.float8_e4m3fnuz,
    "F8_E5M2FNUZ": ml_dtypes.float8_e5m2fnuz,
}
#: What ``--dtype`` accepts.
COMPUTE = ("float32", "float64")

_HALF, _QUIET = np.uint32(0x7FFF), np.uint16(0x7FC0)


def compute_dtype(dtypes: tuple[str, ...], asked: str | None) -> np.dtype[Any]:
    """What to compute in: what was asked for, else float64 where a model has it and float32 where none has."""
    wide = "F64" in dtypes if asked is None else asked == "float64"
    return np.dtype(np.float64 if wide else np.float32)


def common_dtype(dtypes: tuple[str, ...]) -> str:
    """The dtype that holds every number of ``dtypes``; of two that can't hold each other's it is F32."""
    if len(set(dtypes)) == 1:
        return dtypes[0]
    return "F64" if "F64" in dtypes else "F32"


def widened(data: bytes | bytearray | memoryview, dtype: str, compute: np.dtype[Any]) -> Array:
    """The numbers in ``data``, flat, to be changed by nobody else."""
    if dtype == "BF16":
        compiled = passes()
        if compiled is not None:
            return compiled.widened(np.frombuffer(data, "<u2")).astype(compute, copy=False)
        wide = np.frombuffer(data, "<u2").astype(np.uint32)
        wide <<= np.uint32(16)
        return wide.view(np.float32).astype(compute, copy=False)
    with np.errstate(all="ignore"):  # signalling NaNs
        return np.frombuffer(data, FLOATS[dtype]).astype(compute)


def narrowed(values: Array, dtype: str) -> NDArray[np.uint8]:
    """The bytes of ``values`` in ``dtype``."""
    flat = values.reshape(-1)
    with np.errstate(all="ignore"):  # what is too large becomes infinite, as everywhere
        if dtype == "BF16" and flat.dtype == np.float32:
            return _bfloat16(flat).view(np.uint8)
        return np.ascontiguousarray(flat.astype(FLOATS[dtype])).view(np.uint8)


def _bfloat16(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    compiled = passes(values)
    if compiled is not None:
        return compiled.narrowed(values)
    bits = values.view(np.uint32)
    rounded = bits >> np.uint32(16)
    rounded &= np.uint32(1)
    rounded += _HALF
    rounded += bits
    rounded >>= np.uint32(16)
    narrow = rounded.astype(np.uint16)
    undefined = np.isnan(values)
    if undefined.any():
        sign = (bits[undefined] >> np.uint32(16)).astype(np.uint16) & np.uint16(0x8000)
        narrow[undefined] = sign | _QUIET | (bits[undefined] >> np.uint32(16)).astype(np.uint16)
    return narrow
