"""The mask codec's loops in C: ``mask.c``."""

from __future__ import annotations

import ctypes
import threading
from ctypes import c_int, c_int64, c_size_t, c_uint64, c_void_p

from mvc.store.kernel.masking import BUCKET_BITS, Survey
from mvc.store.kernel.native import address, room


class _Scratch(threading.local):
    def __init__(self) -> None:
        self.buckets = memoryview(bytearray(4 * 2 << BUCKET_BITS))


_local = _Scratch()


class NativeMasker:
    """See ``Masker``."""

    def __init__(self, library: ctypes.CDLL) -> None:
        buffer, size = c_void_p, c_size_t
        self._survey = library.mvc_mask_survey
        self._survey.argtypes = (buffer, buffer, size, c_int, buffer)
        self._survey.restype = None
        self._threshold = library.mvc_mask_threshold
        self._threshold.argtypes = (buffer, buffer, size, c_int, buffer)
        self._threshold.restype = c_uint64
        self._mask = library.mvc_mask
        self._mask.argtypes = (
            *(buffer, buffer, size, c_int),
            *(c_uint64, c_int, buffer, buffer, size),
        )
        self._mask.restype = c_int64
        self._unmask = library.mvc_unmask
        self._unmask.argtypes = (
            *(buffer, buffer, size, c_int),
            *(c_uint64, c_int, buffer, size, buffer),
        )

    def survey(self, raw: memoryview, base: memoryview, width: int) -> Survey:
        """See ``Masker``."""
        count = len(raw) // width
        facts = (c_uint64 * len(Survey._fields))()
        self._survey(address(raw), room(base, count * width), count, width, facts)
        return Survey(*facts)

    def threshold(self, raw: memoryview, base: memoryview, width: int) -> int:
        """See ``Masker``."""
        count = len(raw) // width
        given = address(raw), room(base, count * width), count, width
        found: int = self._threshold(*given, address(_local.buckets))
        return found

    def tokens(
        self,
        raw: memoryview,
        base: memoryview,
        width: int,
        threshold: int,
        keeps: bool,
        tokens: memoryview,
        listed: memoryview,
    ) -> int | None:
        """See ``Masker``."""
        count = len(tokens)
        whole = count * width
        given = room(raw, whole), room(base, whole), count, width, threshold, keeps
        into = address(tokens), address(listed), len(listed) // width
        number: int = self._mask(*given, *into)
        return None if number < 0 else number

    def words(
        self,
        tokens: memoryview,
        base: memoryview,
        width: int,
        threshold: int,
        keeps: bool,
        listed: memoryview,
        out: memoryview,
    ) -> bool:
        """See ``Masker``."""
        count = len(tokens)
        whole = count * width
        given = address(tokens), room(base, whole), count, width, threshold, keeps
        return bool(self._unmask(*given, address(listed), len(listed) // width, room(out, whole)))
