"""Which packs hold what is alive: one look at every index, and nothing remembered between two looks.

An object may lie in several packs. Its home is the youngest of them, by the times of their files, so that a
new plan of what stands on what replaces an older one; but a base has to be less deep than all that stands on
it. A pack that is nobody's home is left over. It was so since each of its objects had a younger copy; the
youngest pack among the next copies of them is its heir.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

from mvc.errors import MissingObject
from mvc.store import pack
from mvc.store.catalog import Catalog
from mvc.store.pack import RECORD_SIZE, WHOLE, Record
from mvc.values import dataclass

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
    """An object of a pack that stands on another, and how deep it is."""

    digest: bytes
    base: bytes
    pack: str
    depth: int


class Copy(NamedTuple):
    """A place where an object lies: the pack's number, and what the object takes and stands on there."""

    number: int
    depth: int
    stored: int
    length: int


class Census:
    """``packs`` from the oldest to the youngest; ``home`` gives a living object's pack by its number.

    Alive are the ``alive`` ids and all that their homes stand on. ``demands``: bases of which something that
    stays will need a copy less deep than so.
    """

    def __init__(
        self,
        catalog: Catalog,
        alive: Iterable[bytes],
        standing: Iterable[Delta],
        demands: Mapping[bytes, int] | None = None,
    ) -> None:
        """``standing`` are all ``deltas``.

        Raises:
            MissingObject: something alive is in no pack.
        """
        self.packs = sorted(
            (_holding(catalog, name) for name in catalog.packs()),
            key=lambda one: (one.time, one.name),
        )
        self._numbers = {one.name: number for number, one in enumerate(self.packs)}
        self._bases = {(one.digest, self._numbers[one.pack]): one.base for one in standing}
        self._limits = dict(demands or {})
        self._chosen: dict[bytes, Copy] = {}
        self._settle(catalog, set(alive) | self._limits.keys())
        self.home = {digest: copy.number for digest, copy in self._chosen.items()}
        self._count(catalog)

    def lives_in(self, digest: bytes, name: str) -> bool:
        """Whether the pack is the object's home."""
        home = self.home.get(digest)
        return home is not None and self.packs[home].name == name

    def copy(self, digest: bytes) -> Copy | None:
        """The object in its home; None when it is not alive."""
        return self._chosen.get(digest)

    def base(self, digest: bytes) -> bytes | None:
        """What a living object stands on in its home; None when it is whole."""
        return self._bases.get((digest, self._chosen[digest].number))

    def _settle(self, catalog: Catalog, wanted: set[bytes]) -> None:
        """Choose a home for all that is ``wanted``, and for what they come to stand on there.

        It ends, as limits only fall. A copy within them is there: nothing was written, and no pack removed,
        that left something without a base less deep than itself.
        """
        while wanted:
            self._choose(catalog, wanted)
            wanted, asked = set(), wanted
            for digest in asked:
                copy = self._chosen[digest]
                base = self.base(digest)
                if base is None:
                    continue
                limit = self._limits[base] = min(self._limits.get(base, copy.depth), copy.depth)
                found = self._chosen.get(base)
                if found is None or found.depth >= limit:
                    wanted.add(base)

    def _choose(self, catalog: Catalog, wanted: set[bytes]) -> None:
        best: dict[bytes, tuple[bool, Copy]] = {}
        for name, record in records(catalog):
            digest = record.digest
            if digest in wanted:
                copy = Copy(self._numbers[name], record.depth, record.stored, record.length)
                limit = self._limits.get(digest)
                found = (limit is None or copy.depth < limit, copy)
                if digest not in best or found > best[digest]:
                    best[digest] = found
        if len(best) < len(wanted):
            missing = min(wanted - best.keys())
            raise MissingObject(
                f"object {missing.hex()} is in no pack; nothing was removed",
                hint="run: mvc fsck --full",
            )
        self._chosen |= {digest: copy for digest, (_, copy) in best.items()}

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
        (name, record.offset, record.digest, record.depth)
        for name, record in records(catalog)
        if record.kind != WHOLE
    ]
    return [
        Delta(digest, catalog.pack(name).object_header(offset).base, name, depth)
        for name, offset, digest, depth in sorted(found)
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
