"""The delta codec's loops in C: ``delta.c`` and ``rans.c``."""

from __future__ import annotations

import ctypes
import threading
from ctypes import c_int, c_int64, c_size_t, c_void_p

from mvc.store.kernel.coding import MARGIN, MOST_TABLES, PROBABILITY, Tables
from mvc.store.kernel.native import address, room


class _Scratch(threading.local):
    def __init__(self) -> None:
        self.slots = memoryview(bytearray(4 * PROBABILITY * MOST_TABLES))
        self.symbols = memoryview(bytearray(4 * 256 * MOST_TABLES))
        self.counts = memoryview(bytearray(4 * 4 * 256 * MOST_TABLES))
        self.tables = memoryview(bytearray(2 * 256 * MOST_TABLES))


_local = _Scratch()


class NativeCoder:
    """See ``Coder``."""

    def __init__(self, library: ctypes.CDLL) -> None:
        buffer, size = c_void_p, c_size_t
        self._difference = library.mvc_difference
        self._difference.argtypes = (buffer, buffer, size, c_int, c_int, buffer)
        self._restore = library.mvc_restore
        self._restore.argtypes = self._difference.argtypes
        self._tokens = library.mvc_tokens
        self._tokens.argtypes = (buffer, buffer, size, c_int, c_int, buffer, buffer)
        self._words = library.mvc_words
        self._words.argtypes = (buffer, size, c_int, buffer, size, buffer, c_int, buffer)
        self._contexts = library.mvc_contexts
        self._contexts.argtypes = (buffer, size, c_int, c_int, buffer)
        self._tables = library.mvc_tables
        self._tables.argtypes = (buffer, buffer, size, size, buffer, buffer)
        self._code = library.mvc_code
        self._code.argtypes = (
            *(buffer, buffer, size),
            *(buffer, size, size, c_int),
            *(buffer, buffer, size),
        )
        self._decode = library.mvc_decode
        self._decode.argtypes = (
            *(buffer, size, buffer, size),
            *(buffer, size, size, c_int),
            *(buffer, buffer),
        )
        self._tokens.restype = self._code.restype = c_int64
        self._difference.restype = self._restore.restype = None

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

    def tokens(
        self,
        raw: memoryview,
        base: memoryview,
        width: int,
        ordered: bool,
        tokens: memoryview,
        extra: memoryview,
    ) -> int:
        """See ``Coder``."""
        count = len(tokens)
        whole = count * width
        words = room(raw, whole), room(base, whole), count, width, ordered
        used: int = self._tokens(*words, address(tokens), room(extra, whole + 8))
        return used

    def words(
        self,
        tokens: memoryview,
        extra: memoryview,
        length: int,
        base: memoryview,
        width: int,
        ordered: bool,
        out: memoryview,
    ) -> bool:
        """See ``Coder``."""
        count = len(tokens)
        whole = count * width
        left = room(extra, length + MARGIN), length
        at = address(tokens), count, width, *left, room(base, whole), ordered, room(out, whole)
        return bool(self._words(*at))

    def contexts(self, base: memoryview, width: int, ordered: bool, out: memoryview) -> int:
        """See ``Coder``."""
        count = len(out)
        number: int = self._contexts(room(base, count * width), count, width, ordered, address(out))
        return number

    def tables(self, tokens: memoryview, contexts: memoryview, number: int) -> Tables:
        """See ``Coder``."""
        _few(number)
        into = address(_local.counts), address(_local.tables)
        given = address(tokens), room(contexts, len(tokens)), len(tokens)
        each: int = self._tables(*given, number, *into)
        return Tables(each, bytes(_local.tables[: 2 * number * each]))

    def encode(
        self, tokens: memoryview, contexts: memoryview, tables: Tables, lanes: int, out: memoryview
    ) -> int | None:
        """See ``Coder``."""
        length: int = self._code(
            *(address(tokens), room(contexts, len(tokens)), len(tokens)),
            *(*_given(tables), lanes),
            *(address(_local.symbols), address(out), len(out)),
        )
        return None if length < 0 else length

    def decode(
        self, data: memoryview, contexts: memoryview, tables: Tables, lanes: int, out: memoryview
    ) -> bool:
        """See ``Coder``."""
        return bool(
            self._decode(
                *(address(data), len(data), room(contexts, len(out)), len(out)),
                *(*_given(tables), lanes),
                *(address(_local.slots), address(out)),
            )
        )


def _given(tables: Tables) -> tuple[int, int, int]:
    """Where the tables lie, how many there are, and how long each is."""
    frequencies = memoryview(tables.frequencies)
    _few(tables.number)
    return room(frequencies, 2 * tables.number * tables.each), tables.number, tables.each


def _few(number: int) -> None:
    if not 0 < number <= MOST_TABLES:
        raise ValueError(f"{number} tables, which should be 1 to {MOST_TABLES}")
