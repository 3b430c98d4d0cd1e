"""The sums over two blocks of numbers in C, where the installation has the compiled kernel.

Owns the call, and which dtypes and blocks it is for: BF16 and F32, all of them finite. For all else, and where
there is no kernel, ``wide.py`` computes in NumPy; the tests hold the two together.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import NamedTuple

from mvc.diff.pairing import Bytes
from mvc.store.kernel.native import address, library, room

#: Bytes of an element, by dtype.
_WIDTHS = {"BF16": 2, "F32": 4}


class Distance(NamedTuple):
    """Sums over all elements, the largest difference as a number and in ULPs, and how many elements differ."""

    old_square: float
    new_square: float
    product: float
    difference_square: float
    max_abs: float
    changed: int
    max_ulp: int


class _Sums(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_double) for name in Distance._fields[:5]),
        *((name, ctypes.c_uint64) for name in Distance._fields[5:]),
    )


class Measure:
    """For blocks of one dtype, in one thread."""

    def __init__(self, kernel: ctypes.CDLL, dtype: str) -> None:
        self._width = _WIDTHS[dtype]
        self._call = kernel.mvc_distance
        self._sums = _Sums()

    def between(self, old: Bytes, new: Bytes) -> Distance | None:
        """The distance of two blocks of equal length; None where a number is NaN or infinite."""
        count = len(old) // self._width
        places = address(old.data), room(new.data, count * self._width)
        if not self._call(*places, count, self._width, ctypes.byref(self._sums)):
            return None
        return Distance(*(getattr(self._sums, name) for name in Distance._fields))


def measure(dtype: str) -> Measure | None:
    """The one for ``dtype``; None where NumPy has to do."""
    found = _library() if dtype in _WIDTHS else None
    return None if found is None else Measure(found, dtype)


@cache
def _library() -> ctypes.CDLL | None:
    found = library()
    if found is None or not hasattr(found, "mvc_distance"):  # built before there was one
        return None
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    found.mvc_distance.argtypes = (pointer, pointer, size, ctypes.c_int, ctypes.POINTER(_Sums))
    return found
