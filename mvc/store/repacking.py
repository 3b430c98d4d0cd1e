"""Objects written anew over other bases, into one new pack beside the old ones, which nothing here removes.

Each is decoded from where it is, and hashed; each new frame is decoded and compared before it is written.
When the pack is there, all of it is read back from the disk, decoded over its new bases and hashed; if
anything is not as it should be, the new pack goes again. What the old packs then hold twice, ``compaction``
removes in its time.

While it lasts the lock of writers is shared: others write, and nobody removes packs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from mvc import limits
from mvc.errors import IntegrityError, StorageError
from mvc.ids import ObjectId
from mvc.store import pack, reading, workers
from mvc.store.bases import Bases, Ground
from mvc.store.catalog import Catalog, Location
from mvc.store.codecs import Plan, plan, plan_over_base
from mvc.store.framing import Part, store_parts
from mvc.store.index import Index
from mvc.store.outgoing import OutgoingPack, publish_index
from mvc.store.pack import DELTA, NO_BASE, WHOLE, ObjectHeader, Record
from mvc.store.packfile import PackFile
from mvc.store.replanning import Family, Replanning, Rewrite
from mvc.store.writing import LOCK
from mvc.values import dataclass

if TYPE_CHECKING:
    from mvc.store.fs import Disk

#: Raw bytes of a family that is encoded in memory, to be given up if it turns out no smaller.
_IN_MEMORY = 64 * limits.MIB

_lane = reading.Lane()
_buffers = workers.Buffers()

#: Called with what is done, and (bytes done, bytes in all).
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Repacked:
    """``objects`` written anew, ``before`` the bytes that they took with what nothing else stands on any more,
    ``after`` those of the new pack; of a dry run an estimate."""

    objects: int
    before: int
    after: int


def repack(
    root: str,
    disk: Disk,
    catalog: Catalog,
    dtypes: Mapping[bytes, str | None],
    lines: Iterable[Sequence[bytes]],
    *,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Repacked:
    """Plan anew what stands on what, and write what is not so; see ``replanning`` for the arguments.

    Raises:
        IntegrityError: something to be written is damaged; the new pack is not there.
        StorageError
    """
    with disk.lock(os.path.join(root, LOCK), shared=True):
        catalog.refresh()
        for error in catalog.damaged():
            raise error
        hear = (lambda done, total: progress("plan", done, total)) if progress else None
        families = Replanning(catalog, dtypes, lines, hear).families
        if dry_run or not families:
            return Repacked(
                sum(len(family.rewrites) for family in families),
                sum(family.now for family in families),
                sum(family.then for family in families),
            )
        return _Repacking(root, disk, catalog, progress).write(families)


class _Repacking:
    def __init__(self, root: str, disk: Disk, catalog: Catalog, progress: Progress | None) -> None:
        self._incoming = os.path.join(root, "incoming")
        self._disk = disk
        self._catalog = catalog
        self._bases = Bases(catalog)
        self._progress = progress
        self._records: list[Record] = []

    def write(self, families: Sequence[Family]) -> Repacked:
        outgoing = OutgoingPack(self._incoming, self._disk)
        total, done, before = sum(family.raw for family in families), 0, 0
        try:
            for family in families:
                if self._family(family, outgoing):
                    before += family.now
                done += family.raw
                if self._progress:
                    self._progress("repack", done, total)
            if not self._records:
                return Repacked(0, 0, 0)
            table = b"".join(map(pack.encode_record, sorted(self._records)))
            name = outgoing.publish(table, self._catalog.packs_folder)
        finally:
            outgoing.abandon()
        self._verify(name)
        publish_index(Index.of_table(name, table), self._catalog, self._incoming, self._disk)
        self._catalog.refresh()
        return Repacked(len(self._records), before, outgoing.size)

    def _family(self, family: Family, outgoing: OutgoingPack) -> bool:
        """Whether it was written: not when it comes out larger than it is now."""
        if family.raw > _IN_MEMORY:
            for rewrite in family.rewrites:
                self._append(rewrite, self._large(rewrite), outgoing)
            return True
        encoded = list(workers.run(self._small, family.rewrites))
        headers = len(encoded) * pack.OBJECT_SIZE
        if headers + sum(len(part) for parts in encoded for part in parts) >= family.now:
            return False
        for rewrite, parts in zip(family.rewrites, encoded, strict=True):
            self._append(rewrite, parts, outgoing)
        return True

    def _append(self, rewrite: Rewrite, parts: Iterable[bytes], outgoing: OutgoingPack) -> None:
        _, _, header = self._source(rewrite)
        kind, base = (WHOLE, NO_BASE) if rewrite.base is None else (DELTA, rewrite.base)
        start = outgoing.size
        fields = header.frames, header.frame_size, header.length, header.digest
        outgoing.append(pack.encode_object(ObjectHeader(kind, rewrite.depth, *fields, base)))
        for part in parts:
            outgoing.append(part)
        place = start, outgoing.size - start, header.length
        self._records.append(Record(rewrite.digest, 0, rewrite.depth, kind, *place))

    def _small(self, rewrite: Rewrite) -> list[bytes]:
        """The stored frames, made by one worker."""
        id_, (file, place), _ = self._source(rewrite)
        tries, ground = self._footing(rewrite)
        scratch = reading.scratch_for([place])
        out = memoryview(bytearray(pack.FRAME_SIZE + len(scratch)))
        run = reading.run_over(file, [place])
        frames = []
        for view, start in reading.serial(run, place, id_, scratch, self._bases):
            (size,) = store_parts([Part(b"", view, tries, start, ground)], out)
            frames.append(bytes(out[:size]))
        return frames

    def _large(self, rewrite: Rewrite) -> Iterator[bytes]:
        """The stored frames of an object that may be larger than memory, made by all workers."""
        id_, (file, place), header = self._source(rewrite)
        tries, ground = self._footing(rewrite)
        start = 0

        def work(part: Part) -> bytes:
            out = _buffers.take(part.room())
            (size,) = store_parts([part], out)
            return bytes(out[:size])

        memory = reading.memory_for(limits.WINDOW)
        for view in reading.windows(file, place, id_, memory, self._bases):
            step = header.frame_size
            cut = [
                Part(b"", view[at : at + step], tries, start + at, ground)
                for at in range(0, len(view), step)
            ]
            yield from workers.run(work, cut)
            start += len(view)

    def _source(self, rewrite: Rewrite) -> tuple[ObjectId, tuple[PackFile, Location], ObjectHeader]:
        id_ = ObjectId(rewrite.digest.hex())
        file, place = self._catalog.reach(id_)
        return id_, (file, place), file.object_header(place.offset)

    def _footing(self, rewrite: Rewrite) -> tuple[Plan, Ground | None]:
        if rewrite.base is None:
            return plan(rewrite.dtype), None
        tries = plan_over_base(rewrite.dtype, rewrite.base_dtype)
        return tries, self._bases.ground(ObjectId(rewrite.base.hex()))

    def _verify(self, name: str) -> None:
        """Read the new pack back; take it away again if it does not hold what it should.

        Raises:
            IntegrityError
        """
        places = {
            Location(name, one.offset, one.stored, one.length): ObjectId(one.digest.hex())
            for one in self._records
        }
        self._catalog.refresh()
        self._catalog.packs()  # looks at the one that no index covers yet
        bases = Bases(self._catalog)

        def check(group: list[Location]) -> None:
            run, scratch = _lane.enter(self._catalog.pack(name), group)
            for place in group:
                for _ in reading.serial(run, place, places[place], scratch, bases):
                    pass

        try:
            for _ in workers.run(check, reading.neighbours(places)):
                pass
        except (IntegrityError, StorageError):
            self._disk.remove(os.path.join(self._catalog.packs_folder, name + pack.SUFFIX))
            self._catalog.refresh()
            raise
