"""What garbage collection does to packs: gathers what is alive into fewer, and removes those left over.

A pack never changes. One that holds too much garbage, or is one of many small ones, is copied, as far as it
is alive, into one new pack. A pack that is left over is removed once its heir has stood for the grace period,
so that no reader who knew the old place loses it. What stays meanwhile stays whole: it may need the copy of a
base that is less deep than the base's home.

Order of writes, which a crash anywhere keeps readable: the new pack; an index of all that stays; whatever a
doomed pack held is read at its new home and compared with its checksums; the old indexes go; the old packs
go. The caller holds every writer off.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from mvc.errors import MissingObject
from mvc.ids import ObjectId
from mvc.limits import MIB
from mvc.store import framing, index, pack, reading, workers
from mvc.store.catalog import Catalog, Location
from mvc.store.census import FRAME, Census, Delta, deltas, records
from mvc.store.index import Index
from mvc.store.outgoing import OutgoingPack
from mvc.store.pack import Record
from mvc.store.packfile import Run
from mvc.values import dataclass

if TYPE_CHECKING:
    from mvc.store.fs import Disk

#: Packs with less alive in them than this are small. A larger one is only copied when it holds garbage: its
#: size would be taken twice for the length of the grace period, and opening a pack is cheap.
SMALL = 32 * MIB
#: Small packs that are left alone for the same reason; more are gathered. Git is as patient with its own.
FEW = 50
#: Share of a pack that may be garbage before it is copied: what goes is then a third of what is copied.
GARBAGE = 0.25
#: The same where density is asked for.
_LITTLE = 0.02

_lane = reading.Lane()

#: Called with (bytes done, bytes in all).
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """``gathered`` packs are copied as far as they are alive, ``doomed`` ones removed, ``indexes`` merged.

    ``written`` are the bytes of the new pack, ``freed`` those of the doomed ones. ``objects`` are in no pack
    any more afterwards. ``waiting`` bytes lie in packs that are left over and may go at ``until`` (seconds
    since 1970).
    """

    gathered: frozenset[str]
    doomed: frozenset[str]
    indexes: int
    written: int
    freed: int
    objects: int
    waiting: int
    until: float


class Compaction:
    """One look at all packs, and what to do about them."""

    def __init__(
        self,
        root: str,
        disk: Disk,
        catalog: Catalog,
        alive: set[bytes],
        *,
        before: float,
        now: float,
        grace: float,
        dense: bool = False,
    ) -> None:
        """``alive`` are ids; what they stand on lives with them. What was left over ``before`` that time may
        go at once; what is left over ``now`` may go ``grace`` seconds later. ``dense``: packs that hold little
        garbage, or are young, are gathered too.

        Raises:
            MissingObject: something alive is in no pack.
            CorruptPack: an index or a pack can't be read, so that nothing is certain.
        """
        self._incoming = os.path.join(root, "incoming")
        self._disk = disk
        self._catalog = catalog
        catalog.refresh()
        for error in catalog.damaged():
            raise error
        self._garbage = _LITTLE if dense else GARBAGE
        self._dense = dense
        self._held: set[str] = set()
        standing = deltas(catalog)
        demands: dict[bytes, int] = {}
        while True:
            self._census = Census(catalog, alive, standing, demands)
            self.plan = self._decide(before, now, grace)
            if not self._unsupported(standing, demands):
                break

    def carry_out(self, progress: Progress | None = None) -> None:
        """Do what ``plan`` says.

        Raises:
            CorruptPack: what is to be kept is damaged; no pack was removed.
            StorageError
        """
        doomed = self.plan.doomed
        if self.plan.gathered:
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

    def _unsupported(self, standing: list[Delta], demands: dict[bytes, int]) -> bool:
        """Whether something that stays would lose what it stands on, garbage too; sees to it for the next try.

        A base of what is left over and waits needs no new home: its old pack is held with it.
        """
        doomed, census = self.plan.doomed, self._census
        used = {census.packs[number].name for number in census.home.values()}
        wanted: dict[bytes, int] = {}
        by_used: set[bytes] = set()
        for one in standing:
            home = census.copy(one.base)
            if one.pack not in doomed and (home is None or home.depth >= one.depth):
                wanted[one.base] = min(one.depth, wanted.get(one.base, one.depth))
                if one.pack in used and one.pack not in self.plan.gathered:
                    by_used.add(one.base)
        if not wanted:
            return False
        copies: dict[bytes, tuple[int, str]] = {}
        for name, record in records(self._catalog):
            if record.digest not in wanted:
                continue
            if name not in doomed and record.depth < wanted[record.digest]:
                wanted.pop(record.digest)
            else:
                copy = (record.depth, name)
                copies[record.digest] = min(copy, copies.get(record.digest, copy))
        for base, depth in wanted.items():
            if base in by_used:
                demands[base] = min(depth, demands.get(base, depth))
            elif base in copies:
                self._held.add(copies[base][1])
            else:
                raise MissingObject(
                    f"object {base.hex()} is in no pack; nothing was removed",
                    hint="run: mvc fsck --full",
                )
        return bool(wanted)

    def _decide(self, before: float, now: float, grace: float) -> Plan:
        packs = self._census.packs
        used = {number for number, one in enumerate(packs) if one.alive}
        gathered = {
            n
            for n in used
            if (packs[n].time <= before or self._dense)
            and packs[n].garbage > self._garbage * packs[n].size
        }
        small = {n for n in used if packs[n].stored < SMALL}
        if len(small) > (1 if before == math.inf else FEW):
            gathered |= small

        def left_since(number: int) -> float:
            one = packs[number]
            if number in gathered:
                return math.inf
            return max(one.time, packs[one.heir].time if one.heir >= 0 else 0.0)

        left = {n: left_since(n) for n in range(len(packs)) if n in gathered or n not in used}
        held = {n for n in left if packs[n].name in self._held}
        doomed = {n for n, since in left.items() if since <= before} - held
        waiting = {n: min(since, now) for n, since in left.items() if n not in doomed}
        names = frozenset(packs[n].name for n in doomed)
        return Plan(
            gathered=frozenset(packs[n].name for n in gathered),
            doomed=names,
            indexes=sum(len(group) for group in self._groups(names)),
            written=sum(packs[n].needed for n in gathered) + FRAME if gathered else 0,
            freed=sum(packs[n].size for n in doomed),
            objects=len(self._lost(names)),
            waiting=sum(packs[n].size for n in waiting),
            until=max(waiting.values(), default=0.0) + grace,
        )

    def lost(self) -> set[bytes]:
        """The objects that are in no pack afterwards."""
        return self._lost(self.plan.doomed)

    def _lost(self, doomed: Collection[str]) -> set[bytes]:
        """The objects that lie in no other packs than those."""
        dead = {
            record.digest
            for name, record in records(self._catalog)
            if name in doomed and record.digest not in self._census.home
        }
        for name, record in records(self._catalog) if dead else ():
            if name not in doomed:
                dead.discard(record.digest)
        return dead

    def _gather(self, progress: Progress | None) -> str:
        """Write the new pack; its name."""
        chosen: dict[str, list[Record]] = {name: [] for name in sorted(self.plan.gathered)}
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
                        progress(outgoing.size, self.plan.written)
            encoded = b"".join(map(pack.encode_record, sorted(table)))
            return outgoing.publish(encoded, self._catalog.packs_folder)
        finally:
            outgoing.abandon()

    def _groups(self, doomed: Collection[str]) -> list[list[Index]]:
        """The indexes to write anew, each group as one."""
        groups: list[list[Index]] = [[]]
        for one in sorted(self._catalog.indexes(), key=len):
            if groups[-1] and sum(map(len, groups[-1])) + len(one) > index.SEALED:
                groups.append([])
            groups[-1].append(one)
        return [
            group
            for group in groups
            if len(group) > 1
            or any(not one.name or not set(one.packs).isdisjoint(doomed) for one in group)
        ]

    def _index(self, doomed: Collection[str]) -> list[str]:
        """Write the indexes of what stays; the file names of those that they replace."""
        written: set[str] = set()
        replaced: set[str] = set()
        for group in self._groups(doomed):
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


def _copy(run: Run, record: Record, name: str, outgoing: OutgoingPack) -> None:
    """Append an object as it is stored, each payload checked against its checksum."""
    place = Location(name, record.offset, record.stored, record.length)
    object_id = ObjectId(record.digest.hex())
    outgoing.append(pack.encode_object(run.file.object_header(record.offset)))
    for offset, frame, payload in reading.walk(run, place, object_id):
        framing.check_payload(frame, payload, run.file.path, offset)
        outgoing.append(pack.encode_frame(frame))
        outgoing.append(payload)
