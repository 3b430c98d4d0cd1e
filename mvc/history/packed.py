"""Packed Git objects, read without libgit2, whose import costs more than all else that ``log -1`` does.

Nothing is believed: an object is given out when its bytes hash to its name. Whatever does not fit is not here;
libgit2 is asked next, and has the words for what is wrong. Source: Git's
``Documentation/gitformat-pack.txt``, "pack-*.idx files".
"""

from __future__ import annotations

import mmap
import os
import struct
from contextlib import suppress

from mvc.history.pack_entries import INDEX_MAGIC, KINDS, Data, applied, digest, entry_at, inflated
from mvc.limits import WHOLE_OBJECT

_FANOUT = struct.Struct(">256I")
_OFFSET, _LARGE = struct.Struct(">I"), struct.Struct(">Q")
_NAMES = len(INDEX_MAGIC) + _FANOUT.size
#: Bytes that one object's deltas, and all that they make of each other, may come to.
_MOST = 2 * WHOLE_OBJECT


class PackedObjects:
    """The objects in ``pack/`` below ``folder``, as it is at the first question."""

    def __init__(self, folder: str) -> None:
        self._folder = os.path.join(folder, "pack")
        self._packs: list[_Pack] | None = None

    def read(self, id_: str) -> tuple[str, bytes] | None:
        """Kind and content of ``id_``; None when no pack gives it out."""
        if self._packs is None:
            self._packs = self._open()
        wanted = bytes.fromhex(id_)
        for pack in self._packs:
            found = pack.read(wanted)
            if found is not None:
                return found
        return None

    def _open(self) -> list[_Pack]:
        try:
            names = sorted(os.listdir(self._folder))
        except OSError:
            return []
        found = []
        for name in names:
            with suppress(OSError, ValueError):  # gone meanwhile, or empty
                if name.endswith(".idx"):
                    found.append(_Pack(os.path.join(self._folder, name.removesuffix(".idx"))))
        return found


class _Pack:
    def __init__(self, stem: str) -> None:
        self._index, self._data = _mapped(stem + ".idx"), _mapped(stem + ".pack")
        if self._index[: len(INDEX_MAGIC)] != INDEX_MAGIC:
            raise ValueError("no index of version 2")

    def read(self, id_: bytes) -> tuple[str, bytes] | None:
        """The object of that id, if it is here and whole."""
        try:
            place = self._find(id_)
            found = None if place is None else self._resolve(place)
        except (struct.error, IndexError):  # cut short
            return None
        return found if found is not None and digest(*found) == id_ else None

    def _find(self, id_: bytes) -> int | None:
        fanout = _FANOUT.unpack_from(self._index, len(INDEX_MAGIC))
        low, high = fanout[id_[0] - 1] if id_[0] else 0, fanout[id_[0]]
        while low < high:
            middle = (low + high) // 2
            start = _NAMES + 20 * middle
            name = self._index[start : start + 20]
            if name == id_:
                return self._offset(middle, fanout[255])
            low, high = (middle + 1, high) if name < id_ else (low, middle)
        return None

    def _offset(self, number: int, count: int) -> int:
        table = _NAMES + 24 * count  # behind the names are CRCs
        (offset,) = _OFFSET.unpack_from(self._index, table + 4 * number)
        if offset >> 31:
            (offset,) = _LARGE.unpack_from(
                self._index, table + 4 * count + 8 * (offset & 0x7FFFFFFF)
            )
        return int(offset)

    def _resolve(self, place: int | None) -> tuple[str, bytes] | None:
        deltas: list[bytes] = []
        met: set[int] = set()
        while place is not None and place not in met and sum(map(len, deltas)) < _MOST:
            met.add(place)
            entry = entry_at(self._data, place)
            whole = None if entry is None else inflated(self._data, entry)
            if entry is None or whole is None:
                return None
            if entry.base is None:
                return _built(KINDS[entry.kind], whole[0], deltas)
            deltas.append(whole[0])
            place = entry.base if isinstance(entry.base, int) else self._find(entry.base)
        return None


def _built(kind: str, body: bytes, deltas: list[bytes]) -> tuple[str, bytes] | None:
    written = 0
    for delta in reversed(deltas):
        made = applied(body, delta)
        if made is None or written > _MOST:
            return None
        body, written = made, written + len(made)
    return kind, body


def _mapped(path: str) -> Data:
    with open(path, "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
