"""Carries a compaction out: copies what is alive, writes the indexes anew, removes what is left over.

Order of writes, which a crash anywhere keeps readable: the new pack; an index of all that stays; whatever a
doomed pack held is read at its new home and compared with its checksums; the old indexes go; the old packs
go. What to copy and what to remove is decided in ``compaction``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from mvc.errors import MissingObject
from mvc.ids import ObjectId
from mvc.store import framing, index, pack, reading, workers
from mvc.store.catalog import Catalog, Location
from mvc.store.census import Census, records
from mvc.store.index import Index
from mvc.store.outgoing import OutgoingPack
from mvc.store.pack import Record
from mvc.store.packfile import Run

if TYPE_CHECKING:
    from mvc.store.fs import Disk

_lane = reading.Lane()

#: Called with (bytes done, bytes in all).
Progress = Callable[[int, int], None]


class Gathering:
    """What is alive in ``gathered`` packs goes into a new one, of about ``written`` bytes; ``doomed`` go."""

    def __init__(
        self,
        incoming: str,
        disk: Disk,
        catalog: Catalog,
        census: Census,
        gathered: Collection[str],
        doomed: frozenset[str],
        written: int,
    ) -> None:
        self._incoming = incoming
        self._disk = disk
        self._catalog = catalog
        self._census = census
        self._gathered = gathered
        self._doomed = doomed
        self._written = written

    def carry_out(self, progress: Progress | None = None) -> None:
        """Write, compare, remove.

        Raises:
            CorruptPack: what is to be kept is damaged; no pack was removed.
            StorageError
        """
        doomed = self._doomed
        if self._gathered:
            doomed -= {self._gather(progress)}
            self._catalog.refresh()
        stale = self._index(doomed)
        self._catalog.refresh()
        self._compare(doomed)
        for name in stale:
            self._disk.remove(os.path.join(self._catalog.index_folder, name))
        if doomed:  # an index that comes back with the power must not name a pack that does not
            self._disk.sync_folder(self._catalog.index_folder)
        for name in sorted(doomed):
            self._disk.remove(os.path.join(self._catalog.packs_folder, name + pack.SUFFIX))
        self._catalog.refresh()

    def _gather(self, progress: Progress | None) -> str:
        """Write the new pack; its name."""
        chosen: dict[str, list[Record]] = {name: [] for name in sorted(self._gathered)}
        for name, record in records(self._catalog):
            if name in chosen and self._census.lives_in(record.digest, name):
                chosen[name].append(record)
        table: list[Record] = []
        outgoing = OutgoingPack(self._incoming, self._disk)
        try:
            for name, wanted in chosen.items():
                file = self._catalog.pack(name)
                run = Run(file, pack.HEADER_SIZE, file.size)
                for record in sorted(wanted, key=lambda record: record.offset):
                    offset = outgoing.size
                    _copy(run, record, name, outgoing)
                    table.append(record._replace(pack=0, offset=offset))
                    if progress:
                        progress(outgoing.size, self._written)
            encoded = b"".join(map(pack.encode_record, sorted(table)))
            return outgoing.publish(encoded, self._catalog.packs_folder)
        finally:
            outgoing.abandon()

    def _index(self, doomed: Collection[str]) -> list[str]:
        """Write the indexes of what stays; the file names of those that they replace."""
        written: set[str] = set()
        replaced: set[str] = set()
        for group in index_groups(self._catalog, doomed):
            replaced.update(one.name for one in group if one.name)
            if any(name not in doomed for one in group for name in one.packs):
                data = index.merged(group, doomed)
                name = index.file_name(data)
                path = os.path.join(self._catalog.index_folder, name)
                self._disk.write_whole(path, data, via=self._incoming)
                written.add(name)
        return sorted(replaced - written)

    def _compare(self, doomed: Collection[str]) -> None:
        """Read everything alive that a doomed pack holds where it lives from now on."""
        wanted = {
            record.digest
            for name, record in records(self._catalog)
            if name in doomed and record.digest in self._census.home
        }
        places: dict[Location, ObjectId] = {}
        for name, record in records(self._catalog) if wanted else ():
            if name not in doomed and record.digest in wanted:
                wanted.remove(record.digest)
                place = Location(name, record.offset, record.stored, record.length)
                places[place] = ObjectId(record.digest.hex())
        if wanted:
            raise MissingObject(
                f"object {min(wanted).hex()} would be lost; nothing was removed",
                hint="run: mvc fsck --full",
            )

        def check(group: list[Location]) -> None:
            file = self._catalog.pack(group[0].pack)
            run, _ = _lane.enter(file, group)
            for place in group:
                for offset, frame, payload in reading.walk(run, place, places[place]):
                    framing.check_payload(frame, payload, file.path, offset)

        for _ in workers.run(check, reading.neighbours(places)):
            pass


def index_groups(catalog: Catalog, doomed: Collection[str]) -> list[list[Index]]:
    """The indexes to write anew once these packs have gone, each group as one."""
    groups: list[list[Index]] = [[]]
    for one in sorted(catalog.indexes(), key=len):
        if groups[-1] and sum(map(len, groups[-1])) + len(one) > index.SEALED:
            groups.append([])
        groups[-1].append(one)
    return [
        group
        for group in groups
        if len(group) > 1
        or any(not one.name or not set(one.packs).isdisjoint(doomed) for one in group)
    ]


def _copy(run: Run, record: Record, name: str, outgoing: OutgoingPack) -> None:
    """Append an object as it is stored, each payload checked against its checksum."""
    place = Location(name, record.offset, record.stored, record.length)
    object_id = ObjectId(record.digest.hex())
    outgoing.append(pack.encode_object(run.file.object_header(record.offset)))
    for offset, frame, payload in reading.walk(run, place, object_id):
        framing.check_payload(frame, payload, run.file.path, offset)
        outgoing.append(pack.encode_frame(frame))
        outgoing.append(payload)
