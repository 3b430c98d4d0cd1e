"""Numbers of several bytes as planes, the low-order one first: what repeats in them then lies together."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[Any]


def planes(numbers: Numbers) -> bytes:
    """First the lowest byte of each, in order, then the next one of each."""
    flat = np.ascontiguousarray(numbers).reshape(-1).view(np.uint8)
    return flat.reshape(-1, numbers.itemsize).T.tobytes()


def joined(data: bytes | memoryview, dtype: str) -> Numbers:
    """Inverse of ``planes``: a copy, flat."""
    width = np.dtype(dtype).itemsize
    split = np.frombuffer(data, np.uint8).reshape(width, -1)
    return np.array(split.T, order="C").view(dtype).reshape(-1)
