"""The passes over numbers in which merges spend most of their time, in C, where there is the compiled kernel.

Owns the calls, for BF16 and contiguous float32. For all else, and where there is no kernel, ``numbers.py`` and
``measures.py`` do the same in NumPy, bit for bit, which the tests hold them to.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from mvc.merge.strategies.combination import Array
from mvc.store.kernel.native import library

Floats = NDArray[np.float32]


class Passes:
    """``Floats`` are contiguous; those of one call have one size."""

    def __init__(self, found: ctypes.CDLL) -> None:
        pointer, size = ctypes.c_void_p, ctypes.c_size_t
        self._widen, self._narrow = found.mvc_widen, found.mvc_narrow
        self._sum, self._keep = found.mvc_weighted_sum, found.mvc_keep_equal
        self._widen.argtypes = self._narrow.argtypes = (pointer, size, pointer)
        self._sum.argtypes = (pointer, pointer, size, size, pointer)
        self._keep.argtypes = (pointer, size, size, pointer)
        for function in (self._widen, self._narrow, self._sum, self._keep):
            function.restype = None

    def widened(self, raw: NDArray[np.uint16]) -> Floats:
        """The numbers that BF16 words are."""
        out = np.empty(raw.size, np.float32)
        self._widen(raw.ctypes.data, raw.size, out.ctypes.data)
        return out

    def narrowed(self, values: Floats) -> NDArray[np.uint16]:
        """The nearest BF16 words, flat."""
        out = np.empty(values.size, np.uint16)
        self._narrow(values.ctypes.data, values.size, out.ctypes.data)
        return out

    def weighted_sum(self, models: Sequence[Floats], weights: Sequence[float]) -> Floats:
        """See ``measures.weighted_sum``."""
        out = np.empty_like(models[0])
        factors = np.array(weights, np.float32)
        self._sum(_places(models), factors.ctypes.data, len(models), out.size, out.ctypes.data)
        return out

    def keep_equal(self, result: Floats, models: Sequence[Floats]) -> None:
        """See ``measures.keep_equal``; into ``result``."""
        self._keep(_places(models), len(models), result.size, result.ctypes.data)


def passes(*arrays: Array) -> Passes | None:
    """Them, if they are for such arrays."""
    fit = all(
        one.dtype == np.float32 and one.flags.c_contiguous and one.size == arrays[0].size
        for one in arrays
    )
    return _passes() if fit else None


@cache
def _passes() -> Passes | None:
    found = library()
    return None if found is None else Passes(found)


def _places(models: Sequence[Floats]) -> ctypes.Array[ctypes.c_void_p]:
    return (ctypes.c_void_p * len(models))(*(model.ctypes.data for model in models))
