"""The writer of one pack: read, hash, deduplicate, encode on all cores, append, publish.

While the workers encode one slot of raw bytes, this thread sends off what the other became, and then has it
filled and hashed again (``intake.py``): the workers always have the next thing to do.

Write order, which a crash at any point keeps readable: pack synced, renamed into ``packs/``, folder
synced; then its index the same way; then indexes that the new one absorbed are removed. Four fsyncs
for any number of objects. Writers share ``writers.lock``; who gets it alone may clear
``incoming/`` of what a killed writer left, and garbage collection holds it alone.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from typing import TYPE_CHECKING

from mvc import limits
from mvc.errors import Locked
from mvc.ids import ObjectId
from mvc.limits import DELTA_DEPTH, DELTA_SMALLEST
from mvc.store import pack, workers
from mvc.store.bases import Bases
from mvc.store.batch import NewObject, Slot, Task, Tasks
from mvc.store.codecs import plan
from mvc.store.index import Index
from mvc.store.intake import Intake, read
from mvc.store.outgoing import OutgoingPack, publish_index
from mvc.store.pack import Record
from mvc.store.source import BytesSource, Candidate, Incoming
from mvc.values import dataclass

if TYPE_CHECKING:
    from concurrent.futures import Future

    from mvc.store.catalog import Catalog
    from mvc.store.choosing import Footing
    from mvc.store.fs import Disk

LOCK = "writers.lock"

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class PackReport:
    """What a pack took: objects offered and new ones, their raw bytes, and bytes of the pack
    file."""

    objects: int
    new_objects: int
    raw_bytes: int
    new_raw_bytes: int
    stored_bytes: int


class PackWriter:
    """Stores objects in one new pack. A context manager: without ``publish`` nothing remains.

    Not for use by several threads at once.
    """

    def __init__(self, root: str, disk: Disk, catalog: Catalog) -> None:
        self._incoming = os.path.join(root, "incoming")
        self._disk = disk
        self._catalog = catalog
        self._intake = Intake()
        self._encoding: list[tuple[Future[list[int]], Task]] = []
        self._bases = Bases(catalog)
        self._objects: dict[bytes, NewObject] = {}
        self._factors: set[bytes] = set()
        self._pack: OutgoingPack | None = None
        self._offered = 0
        self._offered_bytes = 0
        self._lock = contextlib.ExitStack()
        lock = os.path.join(root, LOCK)
        with contextlib.suppress(Locked), disk.lock(lock, patience=0):
            self._clear_incoming()
        self._lock.enter_context(disk.lock(lock, shared=True))
        catalog.refresh()

    def __enter__(self) -> PackWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.abort()

    def put(self, data: bytes, dtype: str | None = None) -> ObjectId:
        """Store one object that is in memory."""
        return self.add([Incoming(BytesSource(data), dtype)])[0]

    def add(self, items: Sequence[Incoming], progress: Progress | None = None) -> list[ObjectId]:
        """Store the objects that the store lacks; the id of each item, in order.

        ``progress`` is called in this thread with the number of raw bytes dealt with since the last
        call.

        Raises:
            MvcError: a source changed while it was read.
            StorageError, DecodeMismatch
        """
        ids: list[ObjectId] = []
        try:
            for batch in self._intake.batches(items):
                if batch[0].source.length > self._intake.size:
                    digests = [self._add_large(batch[0])]
                else:
                    digests = self._add_batch(batch)
                ids.extend(ObjectId(digest.hex()) for digest in digests)
                length = sum(item.source.length for item in batch)
                self._offered += len(batch)
                self._offered_bytes += length
                if progress:
                    progress(length)
            self._drain()
        except BaseException:
            self.abort()
            raise
        return ids

    def publish(self) -> PackReport:
        """Make the pack durable and visible; without a new object nothing is written. Ends the
        writer.

        Raises:
            StorageError: nothing was published, or, when only the index failed, the pack without
            it.
        """
        try:
            if self._pack is not None:
                self._publish(self._pack)
            elif self._offered:
                # All of it was known; but the name of the pack that has it may not be durable yet:
                # its writer may have been killed before it could sync the folder.
                self._disk.sync_folder(self._catalog.packs_folder)
        finally:
            self.abort()
        return PackReport(
            self._offered,
            len(self._objects) - len(self._factors),
            self._offered_bytes,
            sum(one.length for id_, one in self._objects.items() if id_ not in self._factors),
            self._pack.size if self._pack else 0,
        )

    def abort(self) -> None:
        """Give up what is not published, and the lock; harmless after ``publish``."""
        workers.settle(future for future, _ in self._encoding)
        self._encoding = []
        self._intake.close()
        if self._pack is not None:
            self._pack.abandon()
        self._lock.close()

    def _add_batch(self, items: list[Incoming]) -> list[bytes]:
        slot = self._intake.slot(sum(item.source.length for item in items), len(items))
        views = slot.place(item.source.length for item in items)
        digests = read(items, views)
        new = []
        for item, view, digest in zip(items, views, digests, strict=True):
            if not self._known(digest):
                self._objects[digest] = NewObject(digest, len(view))
                new.append((item, view, digest))
        tasks, factors = Tasks(slot.out), []
        for (item, view, digest), footing in zip(new, self._footings(new), strict=True):
            self._objects[digest].footing, before = self._grounded(footing)
            factors += before
            tasks.add(self._objects[digest], item.dtype, view)
        self._encode([*factors, *tasks.all()])
        return digests

    def _footings(
        self, new: Sequence[tuple[Incoming, memoryview, bytes]]
    ) -> Iterator[Footing | None]:
        """What each new object had best stand on."""
        # Asked here, not by the workers: who answers may read Git objects, one at a time.
        asked = [
            (item, view, item.bases() if item.bases and len(view) >= DELTA_SMALLEST else ())
            for item, view, _ in new
        ]
        if not any(candidates for *_, candidates in asked):
            return repeat(None, len(new))
        from mvc.store.choosing import choose

        def work(one: tuple[Incoming, memoryview, Sequence[Candidate]]) -> Footing | None:
            item, view, candidates = one
            return choose(self._bases, candidates, item.source.length, item.dtype, view)

        return workers.run(work, asked)

    def _grounded(self, footing: Footing | None) -> tuple[Footing | None, list[Task]]:
        """The footing, and tasks that store the factor which it stands on, if that is to be stored."""
        if footing is None:
            return None, []
        from mvc.store.bases import Factor
        from mvc.store.choosing import Footing

        if not isinstance(footing.ground, Factor):
            return footing, []
        factor = footing.ground
        if factor.digest in self._objects:
            return footing, []
        if self._known(factor.digest):
            stored = self._bases.ground(ObjectId(factor.digest.hex()))
            return (footing._replace(ground=stored) if stored.depth < DELTA_DEPTH else None), []
        made = NewObject(factor.digest, len(factor.data), Footing(factor.weight, plan("U32")))
        self._objects[factor.digest] = made
        self._factors.add(factor.digest)
        tasks = Tasks(Slot(made.length, 1).out)
        tasks.add(made, None, memoryview(factor.data))
        return footing, tasks.all()

    def _add_large(self, item: Incoming) -> bytes:
        source = item.source
        digest, seen = self._intake.hash_large(source)
        if self._known(digest):
            return digest
        owner = self._objects[digest] = NewObject(digest, source.length)
        if item.bases:
            owner.footing, factors = self._grounded(self._footing_of_large(item))
            self._encode(factors)
        for start, slot, view in self._intake.reread(source, seen):
            tasks = Tasks(slot.out)
            tasks.add(owner, item.dtype, view, start)
            self._encode(tasks.all())
        return digest

    def _footing_of_large(self, item: Incoming) -> Footing | None:
        with self._intake.spare() as slot:
            view = slot.raw[: self._intake.size]
            item.source.read_into(0, view)
            (footing,) = self._footings([(item, view, b"")])
        return footing

    def _known(self, digest: bytes) -> bool:
        return digest in self._objects or self._catalog.find(digest, refresh=False) is not None

    def _encode(self, tasks: list[Task]) -> None:
        """Start the tasks, then write those started before; a single small one is done at once."""
        if len(tasks) == 1 and len(tasks[0].out) < limits.FRAME // 2:
            self._drain()
            self._write(tasks[0], tasks[0].run())
            return
        self._drain([(workers.start(task.run, alone=task.chatty), task) for task in tasks])

    def _drain(self, started: list[tuple[Future[list[int]], Task]] | None = None) -> None:
        """Write what is being encoded, in order; ``started`` is then what is being encoded."""
        encoding, self._encoding = self._encoding, started or []
        try:
            for future, task in encoding:
                self._write(task, future.result())
        finally:
            workers.settle(future for future, _ in encoding)

    def _write(self, task: Task, sizes: list[int]) -> None:
        if self._pack is None:
            self._pack = OutgoingPack(self._incoming, self._disk)
        position = self._pack.size
        for owner, size in zip(task.owners, sizes, strict=True):
            if owner.offset < 0:
                owner.offset = position
            owner.stored += size
            position += size
        self._pack.append(task.out[: sum(sizes)])

    def _publish(self, outgoing: OutgoingPack) -> None:
        table = b"".join(
            pack.encode_record(
                Record(
                    *(one.digest, 0, one.depth, one.kind),
                    *(one.offset, one.stored, one.length),
                )
            )
            for one in sorted(self._objects.values(), key=lambda one: one.digest)
        )
        name = outgoing.publish(table, self._catalog.packs_folder)
        publish_index(Index.of_table(name, table), self._catalog, self._incoming, self._disk)
        self._catalog.refresh()

    def _clear_incoming(self) -> None:
        for name in os.listdir(self._incoming):
            self._disk.remove(os.path.join(self._incoming, name))
