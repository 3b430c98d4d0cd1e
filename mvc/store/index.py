"""An index file: which pack holds an object, and where. Derived data: packs alone can rebuild it.

An index covers one or more packs, sorted by object id under a 256-entry fanout, and is read by
mapping and bisection. Indexes merge geometrically, so that n commits leave about log n of them; one
that holds ``SEALED`` records stays as it is. ``docs/reference/pack-format.md`` draws the byte
table.
"""

from __future__ import annotations

import mmap
import os
import struct
from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from itertools import accumulate, pairwise

from blake3 import blake3

from mvc.errors import CorruptPack
from mvc.store.fs import explained
from mvc.store.pack import RECORD_SIZE, Record, decode_record

MAGIC = b"MVCINDX1"
VERSION = 1
SUFFIX = ".idx"

#: Records of a merged index at most: merging holds them in memory, about 100 bytes each.
SEALED = 1 << 18

_HEADER = struct.Struct("<8sIIQ")
_FANOUT = struct.Struct("<256I")
_NAME = 32
_HASH = 32
_PACK_NUMBER = slice(32, 36)


class Index:
    """Records sorted by id, under the names of the packs that they point into."""

    def __init__(
        self,
        name: str,
        pack_names: bytes,
        data: bytes | mmap.mmap,
        start: int,
        fanout: tuple[int, ...],
    ) -> None:
        self.name = name
        self._pack_names = pack_names
        self._data = data
        self._start = start
        self._fanout = fanout

    @cached_property
    def packs(self) -> tuple[str, ...]:
        """The names (64 hex digits) that record numbers point into: thousands, in an old store."""
        return tuple(map(self._pack, range(len(self._pack_names) // _NAME)))

    @classmethod
    def open(cls, path: str) -> Index:
        """Map an index file and check it.

        Raises:
            FileNotFoundError: it was merged into another.
            CorruptPack: any byte of it is not what was written.
        """
        flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        try:
            descriptor = os.open(path, flags)
        except FileNotFoundError:
            raise
        except OSError:
            with explained("read", path):
                raise
        try:
            size = os.fstat(descriptor).st_size
            if size < _HEADER.size + _NAME + _FANOUT.size + _HASH:
                raise _corrupt(path, "is cut short")
            with explained("read", path):
                data = mmap.mmap(descriptor, size, access=mmap.ACCESS_READ)
        finally:
            os.close(descriptor)
        return cls._parse(path, data, size)

    @classmethod
    def _parse(cls, path: str, data: mmap.mmap, size: int) -> Index:
        magic, version, packs, count = _HEADER.unpack_from(data)
        if magic != MAGIC or version != VERSION:
            raise _corrupt(path, "is no index of this version")
        start = _HEADER.size + packs * _NAME + _FANOUT.size
        if size != start + count * RECORD_SIZE + _HASH or packs == 0:
            raise _corrupt(path, "has a length that its header does not declare")
        with memoryview(data) as view, view[: size - _HASH] as body:
            if blake3(body).digest() != data[size - _HASH : size]:
                raise _corrupt(path, "has damage")
        fanout = _FANOUT.unpack_from(data, start - _FANOUT.size)
        if fanout[-1] != count or any(left > right for left, right in pairwise(fanout)):
            raise _corrupt(path, "has a fanout that does not rise")
        names = data[_HEADER.size : start - _FANOUT.size]
        return cls(os.path.basename(path), names, data, start, fanout)

    @classmethod
    def of_table(cls, pack: str, table: bytes) -> Index:
        """The index that a pack's own table amounts to; lives in memory."""
        return cls(
            "",
            bytes.fromhex(pack),
            table,
            0,
            _fanout(table[n] for n in range(0, len(table), RECORD_SIZE)),
        )

    def __len__(self) -> int:
        return self._fanout[-1]

    def find(self, digest: bytes) -> Iterator[tuple[str, Record]]:
        """Pack name and record of every place that holds the object, usually one."""
        low = self._fanout[digest[0] - 1] if digest[0] else 0
        high = self._fanout[digest[0]]
        position = bisect_left(range(high), digest, low, high, key=self._digest)
        while position < high and self._digest(position) == digest:
            record = decode_record(self._record(position))
            if record.pack * _NAME >= len(self._pack_names):
                raise _corrupt(self.name, f"names pack number {record.pack}")
            yield self._pack(record.pack), record
            position += 1

    def digests(self) -> Iterator[bytes]:
        """All ids, ascending; an id in two packs comes twice."""
        return map(self._digest, range(len(self)))

    def records(self, numbers: Sequence[int | None]) -> Iterator[bytes]:
        """Records with their pack numbers replaced by ``numbers``; those of a None are left out."""
        for position in range(self._start, self._start + len(self) * RECORD_SIZE, RECORD_SIZE):
            record = self._data[position : position + RECORD_SIZE]
            old = int.from_bytes(record[_PACK_NUMBER], "little")
            if old >= len(numbers):
                raise _corrupt(self.name, f"names pack number {old}")
            new = numbers[old]
            if new is not None:
                yield record[:32] + new.to_bytes(4, "little") + record[36:]

    def _pack(self, number: int) -> str:
        return self._pack_names[number * _NAME : (number + 1) * _NAME].hex()

    def _record(self, position: int) -> bytes:
        start = self._start + position * RECORD_SIZE
        return self._data[start : start + RECORD_SIZE]

    def _digest(self, position: int) -> bytes:
        start = self._start + position * RECORD_SIZE
        return self._data[start : start + 32]


def merged(indexes: Sequence[Index], without: Collection[str] = ()) -> bytes:
    """One index file with the content of all; a pack that two of them cover is taken once, those in
    ``without`` not at all."""
    packs: dict[str, int] = {}
    records: list[bytes] = []
    for index in indexes:
        numbers: list[int | None] = []
        for name in index.packs:
            known = name in packs or name in without
            numbers.append(None if known else packs.setdefault(name, len(packs)))
        records.extend(index.records(numbers))
    records.sort()
    parts = [_HEADER.pack(MAGIC, VERSION, len(packs), len(records))]
    parts.extend(bytes.fromhex(name) for name in packs)
    parts.append(_FANOUT.pack(*_fanout(record[0] for record in records)))
    parts.extend(records)
    body = b"".join(parts)
    return body + blake3(body).digest()


def file_name(data: bytes) -> str:
    """The name of an index file: the hash that it ends in."""
    return data[-_HASH:].hex() + SUFFIX


def absorbed(existing: Sequence[Index], new: int) -> list[Index]:
    """Which indexes an index of ``new`` records should take in: those up to twice what it has by
    then."""
    taken: list[Index] = []
    total = new
    for index in sorted(existing, key=len):
        if len(index) > 2 * total or total + len(index) > SEALED:
            break
        taken.append(index)
        total += len(index)
    return taken


def _fanout(first_bytes: Iterator[int]) -> tuple[int, ...]:
    counts = [0] * 256
    for byte in first_bytes:
        counts[byte] += 1
    return tuple(accumulate(counts))


def _corrupt(path: str, what: str) -> CorruptPack:
    return CorruptPack(f"the index {path} {what}", hint="run: mvc fsck --full")
