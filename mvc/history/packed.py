"""Packed Git objects, read without libgit2, whose import costs more than all else that ``log -1`` does.

Nothing is believed: an object is given out when its bytes hash to its name. Whatever does not fit is not here;
libgit2 is asked next, and has the words for what is wrong. Source: Git's
``Documentation/gitformat-pack.txt``, "pack-*.idx files".
"""

from __future__ import annotations

import mmap
import os
import struct
from collections import OrderedDict
from contextlib import suppress

from mvc.history.pack_entries import INDEX_MAGIC, KINDS, Data, applied, digest, entry_at, inflated
from mvc.limits import MIB, WHOLE_OBJECT

_FANOUT = struct.Struct(">256I")
_OFFSET, _LARGE = struct.Struct(">I"), struct.Struct(">Q")
_NAMES = len(INDEX_MAGIC) + _FANOUT.size
#: Bytes that one object's deltas, and all that they make of each other, may come to.
_MOST = 2 * WHOLE_OBJECT
#: Bytes of objects of a pack that are kept for those which stand on them.
_KEPT = 16 * MIB


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
        self._bases = _Bases()
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
        deltas: list[tuple[int, bytes]] = []
        met: set[int] = set()
        while place is not None and place not in met and sum(len(d) for _, d in deltas) < _MOST:
            met.add(place)
            known = self._bases.get(place)
            if known is not None:
                return self._built(*known, deltas)
            entry = entry_at(self._data, place)
            whole = None if entry is None else inflated(self._data, entry)
            if entry is None or whole is None:
                return None
            if entry.base is None:
                if deltas:
                    self._bases.keep(place, KINDS[entry.kind], whole[0])
                return self._built(KINDS[entry.kind], whole[0], deltas)
            deltas.append((place, whole[0]))
            place = entry.base if isinstance(entry.base, int) else self._find(entry.base)
        return None

    def _built(
        self, kind: str, body: bytes, deltas: list[tuple[int, bytes]]
    ) -> tuple[str, bytes] | None:
        written = 0
        for place, delta in reversed(deltas):
            made = applied(body, delta)
            if made is None or written > _MOST:
                return None
            body, written = made, written + len(made)
            self._bases.keep(place, kind, body)
        return kind, body


class _Bases:
    """What deltas stand on, and what they made, by place: the next version is mostly a step from there.

    Without it a history of 10,000 versions in chains of 50 took five times as long to read.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[int, tuple[str, bytes]] = OrderedDict()
        self._size = 0

    def get(self, place: int) -> tuple[str, bytes] | None:
        """Kind and content of the object at ``place``, if it was kept."""
        found = self._kept.get(place)
        if found is not None:
            self._kept.move_to_end(place)
        return found

    def keep(self, place: int, kind: str, body: bytes) -> None:
        """Keep an object, and let go those that were asked for longest ago."""
        if place in self._kept or len(body) > _KEPT // 4:
            return
        self._kept[place] = kind, body
        self._size += len(body)
        while self._size > _KEPT:
            _, (_, gone) = self._kept.popitem(last=False)
            self._size -= len(gone)


def _mapped(path: str) -> Data:
    with open(path, "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
