"""Which packs hold what is alive: one look at every index, and nothing remembered between two looks.

An object may lie in several packs. Its home is where it is the least deep, for a base has to be less deep than
all that stands on it; among such packs, the youngest by the times of their files. A pack that is nobody's home
is left over. It was so since each of its objects had a younger copy; the youngest pack among the next copies
of them is its heir.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from mvc.errors import MissingObject
from mvc.store import pack
from mvc.store.catalog import Catalog
from mvc.store.pack import RECORD_SIZE, WHOLE, Record

#: Bytes of a pack beside its objects and their records.
FRAME = pack.HEADER_SIZE + pack.FOOTER_SIZE


@dataclass(slots=True)
class Holding:
    """A pack: its file's size and time, how many objects live in it, their bytes, and the heir's number."""

    name: str
    size: int
    time: float
    alive: int = 0
    stored: int = 0
    heir: int = -1

    @property
    def needed(self) -> int:
        """Bytes that its living objects would take in a pack of their own, but for header and footer."""
        return self.stored + self.alive * RECORD_SIZE

    @property
    def garbage(self) -> int:
        """Bytes that nothing alive needs, in a pack that has something alive in it."""
        return self.size - self.needed - FRAME


class Delta(NamedTuple):
    """An object of a pack that stands on another."""

    digest: bytes
    base: bytes
    pack: str


class Census:
    """``packs`` from the oldest to the youngest; ``home`` gives a living object's pack by its number."""

    def __init__(self, catalog: Catalog, alive: Iterable[bytes]) -> None:
        """``alive`` are ids, those of bases among them.

        Raises:
            MissingObject: something alive is in no pack.
        """
        self.packs = sorted(
            (_holding(catalog, name) for name in catalog.packs()),
            key=lambda one: (one.time, one.name),
        )
        self._numbers = {one.name: number for number, one in enumerate(self.packs)}
        self.home = dict.fromkeys(alive, -1)
        self._settle(catalog)
        self._count(catalog)

    def lives_in(self, digest: bytes, name: str) -> bool:
        """Whether the pack is the object's home."""
        home = self.home.get(digest)
        return home is not None and self.packs[home].name == name

    def _settle(self, catalog: Catalog) -> None:
        depths: dict[bytes, int] = {}
        for name, record in records(catalog):
            home, number = self.home.get(record.digest), self._numbers[name]
            if home is None:
                continue
            depth = depths.get(record.digest, 0)
            if home < 0 or record.depth < depth or (record.depth == depth and number > home):
                self.home[record.digest] = number
                if record.depth or depth:
                    depths[record.digest] = record.depth
        for digest, home in self.home.items():
            if home < 0:
                raise MissingObject(
                    f"object {digest.hex()} is in no pack; nothing was removed",
                    hint="run: mvc fsck --full",
                )

    def _count(self, catalog: Catalog) -> None:
        copies: dict[bytes, list[int]] = {}
        for name, record in records(catalog):
            home, number = self.home.get(record.digest), self._numbers[name]
            if home == number:
                self.packs[number].alive += 1
                self.packs[number].stored += record.stored
            elif home is not None:
                copies.setdefault(record.digest, [home]).append(number)
        for numbers in copies.values():
            for older, younger in pairwise(sorted(numbers)):
                self.packs[older].heir = max(self.packs[older].heir, younger)


def deltas(catalog: Catalog) -> list[Delta]:
    """Every object that stands on another.

    Raises:
        CorruptPack: the header of one is damaged.
    """
    found = [
        (name, record.offset, record.digest)
        for name, record in records(catalog)
        if record.kind != WHOLE
    ]
    return [
        Delta(digest, catalog.pack(name).object_header(offset).base, name)
        for name, offset, digest in sorted(found)
    ]


def records(catalog: Catalog) -> Iterator[tuple[str, Record]]:
    """Every record with the name of its pack, each pack once, as of the catalog's last look."""
    seen: set[str] = set()
    there = catalog.packs()
    for one in catalog.indexes():
        numbers = [
            number if name in there and name not in seen else None
            for number, name in enumerate(one.packs)
        ]
        seen.update(one.packs)
        for data in one.records(numbers):
            record = pack.decode_record(data)
            yield one.packs[record.pack], record


def _holding(catalog: Catalog, name: str) -> Holding:
    status = os.stat(os.path.join(catalog.packs_folder, name + pack.SUFFIX))
    return Holding(name, status.st_size, status.st_mtime)
