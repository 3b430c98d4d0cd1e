"""The delta codec's loops in C: ``delta.c``."""

from __future__ import annotations

import ctypes
import threading
from array import array
from ctypes import c_int, c_int64, c_size_t, c_void_p

from mvc.store.kernel.coding import MARGIN, MOST_TABLES, PROBABILITY, Tables
from mvc.store.kernel.native import address, room


class _Scratch(threading.local):
    def __init__(self) -> None:
        self.slots = memoryview(bytearray(4 * PROBABILITY * MOST_TABLES))
        self.symbols = memoryview(bytearray(16 * 256 * MOST_TABLES))


_local = _Scratch()


class NativeCoder:
    """See ``Coder``."""

    def __init__(self, library: ctypes.CDLL) -> None:
        buffer, size = c_void_p, c_size_t
        self._difference = library.mvc_difference
        self._difference.argtypes = (buffer, buffer, size, c_int, c_int, buffer)
        self._restore = library.mvc_restore
        self._restore.argtypes = (buffer, buffer, size, c_int, c_int, buffer)
        self._tokens = library.mvc_tokens
        self._tokens.argtypes = (buffer, size, c_int, buffer, buffer)
        self._words = library.mvc_words
        self._words.argtypes = (buffer, size, c_int, buffer, size, buffer)
        self._counts = library.mvc_counts
        self._counts.argtypes = (buffer, buffer, size, buffer)
        self._histogram = library.mvc_histogram
        self._histogram.argtypes = (buffer, size, buffer)
        self._histogram.restype = None
        self._code = library.mvc_code
        self._code.argtypes = (
            *(buffer, buffer, size, buffer, size, c_int),
            *(buffer, buffer, size),
        )
        self._translate = library.mvc_translate
        self._translate.argtypes = (buffer, size, buffer, buffer)
        self._translate.restype = None
        self._decode = library.mvc_decode
        self._decode.argtypes = (
            *(buffer, size, buffer, size, buffer),
            *(size, c_int, buffer, buffer),
        )
        self._tokens.restype = self._code.restype = c_int64
        self._difference.restype = self._restore.restype = self._counts.restype = None

    def difference(
        self, raw: memoryview, base: memoryview, width: int, ordered: bool, out: memoryview
    ) -> None:
        """See ``Coder``."""
        count = len(raw) // width
        whole = count * width
        at = address(raw), room(base, whole), count, width, ordered, room(out, whole)
        self._difference(*at)

    def restore(
        self, difference: memoryview, base: memoryview, width: int, ordered: bool, out: memoryview
    ) -> None:
        """See ``Coder``."""
        count = len(out) // width
        whole = count * width
        at = room(difference, whole), room(base, whole), count, width, ordered, address(out)
        self._restore(*at)

    def tokens(self, words: memoryview, width: int, tokens: memoryview, extra: memoryview) -> int:
        """See ``Coder``."""
        whole = len(tokens) * width
        at = room(words, whole), len(tokens), width, address(tokens), room(extra, whole + 8)
        used: int = self._tokens(*at)
        return used

    def words(
        self, tokens: memoryview, extra: memoryview, length: int, width: int, out: memoryview
    ) -> bool:
        """See ``Coder``."""
        count = len(tokens)
        left = room(extra, length + MARGIN), length
        at = address(tokens), count, width, *left, room(out, count * width)
        return bool(self._words(*at))

    def counts(self, tokens: memoryview, contexts: memoryview, tables: int) -> list[list[int]]:
        """See ``Coder``."""
        found = array("I", bytes(4 * 256 * tables))
        count = len(tokens)
        self._counts(address(tokens), room(contexts, count), count, found.buffer_info()[0])
        return [found[start : start + 256].tolist() for start in range(0, len(found), 256)]

    def histogram(self, plane: memoryview) -> list[int]:
        """See ``Coder``."""
        found = array("I", bytes(4 * 256))
        self._histogram(address(plane), len(plane), found.buffer_info()[0])
        return found.tolist()

    def translate(self, plane: memoryview, table: bytes, out: memoryview) -> None:
        """See ``Coder``."""
        count = len(plane)
        values = room(memoryview(table), 256)
        self._translate(address(plane), count, values, room(out, count))

    def encode(
        self, tokens: memoryview, contexts: memoryview, tables: Tables, lanes: int, out: memoryview
    ) -> int | None:
        """See ``Coder``."""
        frequencies = _flat(tables)
        length: int = self._code(
            *(address(tokens), room(contexts, len(tokens)), len(tokens)),
            *(frequencies.buffer_info()[0], len(tables), lanes),
            *(address(_local.symbols), address(out), len(out)),
        )
        return None if length < 0 else length

    def decode(
        self, data: memoryview, contexts: memoryview, tables: Tables, lanes: int, out: memoryview
    ) -> bool:
        """See ``Coder``."""
        frequencies = _flat(tables)
        return bool(
            self._decode(
                *(address(data), len(data), room(contexts, len(out)), len(out)),
                *(frequencies.buffer_info()[0], len(tables), lanes),
                *(address(_local.slots), address(out)),
            )
        )


def _flat(tables: Tables) -> array[int]:
    if len(tables) > MOST_TABLES or any(len(table) != 256 for table in tables):
        raise ValueError(f"{len(tables)} tables, which should be {MOST_TABLES} of 256 at most")
    return array("H", [value for table in tables for value in table])
