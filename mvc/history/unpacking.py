"""Git packs that are damaged: what is wrong with one, and every object that can still be got out of it.

Nothing here goes through libgit2, which believes an index and crashes on one that lies (measured: a byte
flipped in the offsets of an index ends the process, or never returns). Entries are found one behind the
other, past damage, and an object is given out when its bytes inflate to the size that they declare and its
deltas fit; its name follows from its bytes. Source: Git's ``Documentation/gitformat-pack.txt``.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import re
import struct
from collections import OrderedDict
from collections.abc import Iterator

from mvc.history.pack_entries import INDEX_MAGIC, KINDS, Entry, applied, digest, entry_at, inflated
from mvc.limits import MIB

_NAME = re.compile(r"(pack-[0-9a-f]{40})\.(?:pack|idx)")
_HEADER = struct.Struct(">4sII")
_TRAILER = 20
#: Bases kept inflated while deltas on them are resolved, in bytes.
_MEMORY = 64 * MIB


def damaged_packs(objects: str, *, indexes_only: bool = False) -> Iterator[tuple[str, str]]:
    """Each pack (its path without an ending) with something wrong, and what."""
    folder = os.path.join(objects, "pack")
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return
    for stem in dict.fromkeys(m[1] for m in map(_NAME.fullmatch, names) if m):
        path = os.path.join(folder, stem)
        for ending in (".idx",) if indexes_only else (".idx", ".pack"):
            if stem + ending not in names:
                if not indexes_only:
                    yield path, f"has no {ending[1:]} file"
            elif why := _damage(path + ending):
                yield path, f"{ending[1:]} file {why}"


def _damage(path: str) -> str | None:
    """Why a pack or index is not what was written: each ends in the SHA-1 of all before."""
    hasher = hashlib.sha1(usedforsecurity=False)
    with open(path, "rb") as file:
        left = os.fstat(file.fileno()).st_size - _TRAILER
        if left < _HEADER.size:
            return "is cut short"
        start = file.read(len(INDEX_MAGIC))
        if path.endswith(".idx") and start != INDEX_MAGIC:
            return "is no index of version 2"
        if path.endswith(".pack") and not start.startswith(b"PACK"):
            return "is no pack"
        hasher.update(start)
        left -= len(start)
        while left:
            data = file.read(min(MIB, left))
            if not data:
                return "became shorter while it was read"
            hasher.update(data)
            left -= len(data)
        return None if hasher.digest() == file.read(_TRAILER) else "does not hash to its trailer"


class Unpacking:
    """The entries of one pack file that can be read. Iterate for ``(kind, body)`` of each object."""

    def __init__(self, path: str) -> None:
        with open(path, "rb") as file:
            self._size = os.fstat(file.fileno()).st_size
            self._data: mmap.mmap | bytes = (
                mmap.mmap(file.fileno(), self._size, access=mmap.ACCESS_READ) if self._size else b""
            )
        self._entries: dict[int, Entry] = {}
        self._places: dict[bytes, int] = {}
        self._bodies: OrderedDict[int, tuple[str, bytes]] = OrderedDict()
        self._held = 0

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        self._find()
        waiting = sorted(self._entries)
        while waiting:
            later = []
            for offset in waiting:
                found = self._resolve(offset)
                if found is None:
                    later.append(offset)
                    continue
                self._places[digest(*found)] = offset
                yield found
            if len(later) == len(waiting):
                return  # their bases are lost
            waiting = later

    def _find(self) -> None:
        """Note every entry; where one is damaged, try each byte after it for the next."""
        offset = _HEADER.size
        while offset < self._size:
            found = self._parse(offset)
            if found is None:
                offset += 1
                continue
            entry, end = found
            self._entries[offset] = entry
            offset = end

    def _parse(self, offset: int) -> tuple[Entry, int] | None:
        entry = entry_at(self._data, offset)
        whole = None if entry is None else inflated(self._data, entry)
        return None if entry is None or whole is None else (entry, whole[1])

    def _body(self, entry: Entry) -> bytes:
        whole = inflated(self._data, entry)
        return b"" if whole is None else whole[0]

    def _resolve(self, offset: int) -> tuple[str, bytes] | None:
        """The object at ``offset``; None while its base is not known, or when the delta does not fit."""
        chain: list[Entry] = []
        found = self._bodies.get(offset)
        place: int | None = offset
        while found is None:
            entry = self._entries.get(place) if place is not None else None
            if entry is None or len(chain) > 10_000:
                return None
            if entry.base is None:
                found = KINDS[entry.kind], self._body(entry)
                break
            chain.append(entry)
            base = entry.base
            place = base if isinstance(base, int) else self._places.get(base)
            found = self._bodies.get(place) if place is not None else None
        for entry in reversed(chain):
            body = applied(found[1], self._body(entry))
            if body is None:
                return None
            found = found[0], body
        self._keep(offset, found)
        return found

    def _keep(self, offset: int, found: tuple[str, bytes]) -> None:
        self._bodies[offset] = found
        self._held += len(found[1])
        while self._held > _MEMORY:
            self._held -= len(self._bodies.popitem(last=False)[1][1])
