"""The compiled kernel: the C sources here as a shared library, where the installation could build one.

Loaded through ctypes, so that it needs no Python headers and one build serves every version of Python.
Calls let go of the interpreter lock, which is what lets frames be coded on all cores.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence
from ctypes import POINTER, c_char_p, c_int, c_int64, c_size_t, c_ssize_t, c_uint8, c_void_p

from mvc.store.kernel import STRAYS, Paired

#: What ``kernel.c`` and these modules agree on; a library left from another version is not used.
_VERSION = 9

_SUFFIX = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")
PATH = os.path.join(os.path.dirname(__file__), "_kernel" + _SUFFIX)


def library() -> ctypes.CDLL | None:
    """The library; None where there is none for this machine and version."""
    if not os.path.exists(PATH):
        return None
    try:
        found = ctypes.CDLL(PATH)
        return found if found.mvc_kernel_version() == _VERSION else None
    except (OSError, AttributeError):  # made on another machine, or cut off
        return None


def load() -> NativeKernel | None:
    """The compiled kernel; None where there is none."""
    found = library()
    return None if found is None else NativeKernel(found)


class _View(ctypes.Structure):
    """``Py_buffer``, whose layout is stable since Python 3.11."""

    _fields_ = (
        ("buf", c_void_p),
        ("obj", c_void_p),
        ("len", c_ssize_t),
        ("itemsize", c_ssize_t),
        ("readonly", c_int),
        ("ndim", c_int),
        ("format", c_char_p),
        ("shape", POINTER(c_ssize_t)),
        ("strides", POINTER(c_ssize_t)),
        ("suboffsets", POINTER(c_ssize_t)),
        ("internal", c_void_p),
    )


_get = ctypes.pythonapi.PyObject_GetBuffer
_get.argtypes = (ctypes.py_object, POINTER(_View), c_int)
_release = ctypes.pythonapi.PyBuffer_Release
_release.argtypes = (POINTER(_View),)
_SIMPLE = 0


def address(buffer: memoryview) -> int:
    """Where a contiguous buffer lies; good while the caller holds it."""
    view = _View()
    _get(buffer, view, _SIMPLE)
    address = view.buf or 0
    _release(view)
    return address


def room(buffer: memoryview, least: int) -> int:
    """Where a buffer of at least ``least`` bytes lies: C looks at no length but those it is told.

    Raises:
        ValueError: it is shorter, and the call would have touched memory behind it.
    """
    if len(buffer) < least:
        raise ValueError(f"a buffer of {len(buffer)} bytes where {least} are needed")
    return address(buffer)


class NativeKernel:
    """See ``Kernel``."""

    name = "native"

    def __init__(self, library: ctypes.CDLL) -> None:
        library.mvc_kernel_source.restype = c_char_p
        #: SHA-256 of the sources that this was built from, in hexadecimal.
        self.source: str = library.mvc_kernel_source().decode()
        self._plane = library.mvc_plane
        self._plane.argtypes = (c_void_p, c_size_t, c_int, c_int, c_int, c_void_p)
        self._split = library.mvc_split
        self._split.argtypes = (c_void_p, c_size_t, c_int, c_int, c_void_p)
        self._join = library.mvc_join
        self._join.argtypes = (POINTER(c_void_p), c_size_t, c_int, c_int, c_void_p)
        self._pair = library.mvc_pair
        self._pair.argtypes = (c_void_p, c_size_t, POINTER(c_uint8), c_void_p, c_void_p)
        self._pair.restype = c_int64
        self._unpair = library.mvc_unpair
        self._unpair.argtypes = (c_void_p, c_size_t, c_uint8, c_void_p, c_size_t, c_void_p)
        self._unpair.restype = c_int64
        self._split_pairs = library.mvc_split_pairs
        self._split_pairs.argtypes = (*self._pair.argtypes, c_void_p)
        self._split_pairs.restype = c_int64
        self._join_pairs = library.mvc_join_pairs
        self._join_pairs.argtypes = (*self._unpair.argtypes, c_void_p)
        self._join_pairs.restype = c_int64
        self._match_pairs = library.mvc_match_pairs
        self._match_pairs.argtypes = self._join_pairs.argtypes
        self._match_pairs.restype = c_int64
        self._equal = library.mvc_equal
        self._equal.argtypes = (c_void_p, c_void_p, c_size_t)
        self._copy = library.mvc_copy
        self._copy.argtypes = (c_void_p, c_void_p, c_size_t)
        for function in (self._plane, self._split, self._join, self._copy):
            function.restype = None

    def plane(
        self, raw: memoryview, width: int, number: int, rotated: bool, out: memoryview
    ) -> None:
        """See ``Kernel``."""
        count = len(out)
        self._plane(room(raw, count * width), count, width, number, rotated, address(out))

    def split(self, raw: memoryview, width: int, rotated: bool, out: memoryview) -> None:
        """See ``Kernel``."""
        count = len(out) // width
        self._split(room(raw, count * width), count, width, rotated, address(out))

    def join(
        self, planes: Sequence[memoryview], width: int, rotated: bool, out: memoryview
    ) -> None:
        """See ``Kernel``."""
        count = len(planes[0])
        addresses = (c_void_p * width)(*(room(plane, count) for plane in planes))
        self._join(addresses, count, width, rotated, room(out, count * width))

    def pair(self, plane: memoryview, out: memoryview) -> Paired | None:
        """See ``Kernel``."""
        strays = bytearray(len(plane) // STRAYS + 1)
        low = c_uint8()
        count = len(plane)
        at = address(plane), count, low, room(out, (count + 1) // 2), address(memoryview(strays))
        found = self._pair(*at)
        return None if found < 0 else Paired(low.value, bytes(strays[:found]))

    def unpair(self, pairs: memoryview, low: int, strays: memoryview, out: memoryview) -> int:
        """See ``Kernel``."""
        values = address(strays), len(strays)
        count = len(out)
        paired = room(pairs, (count + 1) // 2)
        found: int = self._unpair(paired, count, low, *values, address(out))
        return found

    def split_pairs(self, raw: memoryview, pairs: memoryview, low: memoryview) -> Paired | None:
        """See ``Kernel``."""
        count = len(low)
        strays = bytearray(count // STRAYS + 1)
        lowest = c_uint8()
        into = room(pairs, (count + 1) // 2), address(memoryview(strays)), address(low)
        found = self._split_pairs(room(raw, 2 * count), count, lowest, *into)
        return None if found < 0 else Paired(lowest.value, bytes(strays[:found]))

    def join_pairs(
        self, pairs: memoryview, lowest: int, strays: memoryview, low: memoryview, out: memoryview
    ) -> int:
        """See ``Kernel``."""
        count = len(low)
        values = address(strays), len(strays)
        found: int = self._join_pairs(
            *(room(pairs, (count + 1) // 2), count, lowest, *values),
            *(address(low), room(out, 2 * count)),
        )
        return found

    def match_pairs(
        self, pairs: memoryview, lowest: int, strays: memoryview, low: memoryview, raw: memoryview
    ) -> int | None:
        """See ``Kernel``."""
        count = len(low)
        values = address(strays), len(strays)
        found: int = self._match_pairs(
            *(room(pairs, (count + 1) // 2), count, lowest, *values),
            *(address(low), room(raw, 2 * count)),
        )
        return None if found < 0 else found

    def equal(self, left: memoryview, right: memoryview) -> bool:
        """See ``Kernel``."""
        return bool(self._equal(address(left), room(right, len(left)), len(left)))

    def copy(self, source: memoryview, out: memoryview) -> None:
        """See ``Kernel``."""
        self._copy(room(out, len(source)), address(source), len(source))
