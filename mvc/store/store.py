"""The store's face: bytes in under the hash of what they are, the same bytes out or an error.

It composes catalog, writer and reader, and holds no format of its own; it knows nothing of users'
files, names or commits.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

from mvc import limits
from mvc.errors import IntegrityError, LimitExceeded, StorageError, UsageError
from mvc.ids import ObjectId
from mvc.store import checking, extraction, reading
from mvc.store.bases import Bases
from mvc.store.catalog import Catalog, Location, WhyMissing
from mvc.store.checking import Problem
from mvc.store.extraction import WriteAt
from mvc.store.packfile import PackFile
from mvc.store.writing import LOCK, PackWriter

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from mvc.store.compaction import Compaction
    from mvc.store.fs import Disk
    from mvc.store.repacking import Repacked
    from mvc.store.salvage import Aside, Salvaged
    from mvc.store.sizing import Size
    from mvc.store.source import ByteSource

_FOLDERS = ("packs", "index", "incoming")


class Store:
    """All objects of a repository. Reading needs no lock and is safe between threads."""

    def __init__(self, root: str, disk: Disk, why: WhyMissing | None = None) -> None:
        """``why`` is asked for the error of an object that is in no pack."""
        self._root = root
        self._disk = disk
        self._catalog = Catalog(root, why)
        self._bases = Bases(self._catalog)

    @staticmethod
    def create(root: str, disk: Disk) -> Store:
        """Make the folders, durably, and open the store in them."""
        for folder in _FOLDERS:
            disk.make_folder(os.path.join(root, folder))
        return Store(root, disk)

    def __contains__(self, object_id: ObjectId) -> bool:
        return self._catalog.find(bytes.fromhex(object_id)) is not None

    def length(self, object_id: ObjectId) -> int:
        """Raw bytes of the object.

        Raises:
            MissingObject
        """
        return self._catalog.place(object_id).length

    def stored_length(self, object_id: ObjectId) -> int:
        """Bytes that the object takes in its pack, headers included.

        Raises:
            MissingObject
        """
        return self._catalog.place(object_id).stored

    def begins_as(self, object_id: ObjectId, source: ByteSource) -> bool:
        """Whether the object may be what ``source`` holds: of its length, with its first frame. False
        where it can't be read.

        Raises:
            MvcError: the source does not hold its bytes any more.
        """
        try:
            return self._bases.ground(object_id).begins_as(source)
        except (IntegrityError, StorageError):
            return False

    def read(self, object_id: ObjectId) -> bytes:
        """The whole object, verified.

        Raises:
            LimitExceeded: larger than ``limits.WHOLE_OBJECT``; use ``chunks``.
            MissingObject, CorruptPack, HashMismatch
        """
        file, location = self._catalog.reach(object_id)
        if location.length > limits.WHOLE_OBJECT:
            raise LimitExceeded(
                f"object {object_id} has {location.length} bytes, too many to hand out in one piece"
            )
        return b"".join(
            bytes(view) for view in _pieces(file, location, object_id, limits.WINDOW, self._bases)
        )

    def read_range(self, object_id: ObjectId, start: int, length: int) -> bytes:
        """A slice of the object; only the frames under it are read, each verified by its own hash.

        Raises:
            UsageError: the slice passes the object's end.
            MissingObject, CorruptPack, HashMismatch
        """
        file, location = self._catalog.reach(object_id)
        if start < 0 or length < 0 or start + length > location.length:
            raise UsageError(
                f"bytes {start} to {start + length} are not in object {object_id}, "
                f"which has {location.length}"
            )
        return reading.slice_of(file, location, object_id, start, length, self._bases)

    def chunks(self, object_id: ObjectId, window: int | None = None) -> Iterator[memoryview]:
        """The object in pieces, decoded on all cores within ``window`` bytes of memory.

        A piece is valid until the next is asked for. The whole is verified by its end: until the
        iterator is exhausted, its bytes are not proven.

        Raises:
            MissingObject, CorruptPack, HashMismatch
        """
        file, location = self._catalog.reach(object_id)
        yield from _pieces(file, location, object_id, window or limits.WINDOW, self._bases)

    def extract(self, items: Sequence[tuple[ObjectId, int]], write_at: WriteAt) -> None:
        """Hand each object's bytes to ``write_at(bytes, position)``, from the position given with
        it on.

        ``write_at`` is called from several threads, in any order. Every object is verified when
        this returns; after an error, what was written is not to be trusted.

        Raises:
            MissingObject, CorruptPack, HashMismatch, and what ``write_at`` raises
        """
        extraction.extract(self._catalog, items, write_at)

    def writer(self) -> PackWriter:
        """A writer for one new pack, as a context manager; leaving it without ``publish`` gives all
        up."""
        return PackWriter(self._root, self._disk, self._catalog)

    def writers_held_off(self) -> AbstractContextManager[None]:
        """While it lasts nobody writes a pack, so that packs may be removed and ``incoming`` cleared."""
        return self._disk.lock(os.path.join(self._root, LOCK))

    def compaction(
        self,
        alive: set[bytes],
        *,
        before: float,
        now: float,
        grace: float,
        dense: bool = False,
    ) -> Compaction:
        """What to do about packs of which only ``alive`` is needed; see ``mvc.store.compaction``."""
        from mvc.store.compaction import Compaction

        times = {"before": before, "now": now, "grace": grace}
        return Compaction(self._root, self._disk, self._catalog, alive, **times, dense=dense)

    def repack(
        self,
        dtypes: Mapping[bytes, str | None],
        lines: Iterable[Sequence[bytes]],
        *,
        dry_run: bool = False,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> Repacked:
        """Write objects anew over better bases; see ``mvc.store.repacking``."""
        from mvc.store.repacking import repack

        where = self._root, self._disk, self._catalog
        return repack(*where, dtypes, lines, dry_run=dry_run, progress=progress)

    def needed(self, alive: set[bytes]) -> int:
        """Stored bytes of ``alive`` ids, with what they stand on.

        Raises:
            MissingObject: one of them is in no pack.
        """
        from mvc.store.census import Census, deltas

        self._catalog.refresh()
        packs = Census(self._catalog, alive, deltas(self._catalog)).packs
        return sum(one.stored for one in packs)

    def sizes(self) -> dict[bytes, Size]:
        """What each object takes; see ``mvc.store.sizing``."""
        from mvc.store.sizing import sizes

        return sizes(self._catalog)

    def object_ids(self) -> Iterator[ObjectId]:
        """Every object, once, in no order that means anything."""
        self._catalog.refresh()
        seen: set[bytes] = set()
        for index in self._catalog.indexes():
            for digest in index.digests():
                if digest not in seen and self._catalog.find(digest, refresh=False):
                    seen.add(digest)
                    yield ObjectId(digest.hex())

    def check(
        self, full: bool, progress: Callable[[str, int, int], None] | None = None
    ) -> Iterator[Problem]:
        """What is wrong with the packs and indexes; see ``mvc.store.checking``."""
        self._catalog.refresh()
        return checking.check(self._catalog, full, progress)

    def salvage(self, aside: Aside, *, dry_run: bool = False) -> Iterator[Salvaged]:
        """Put packs and indexes right as far as their bytes allow; see ``mvc.store.salvage``."""
        from mvc.store.salvage import salvage

        alone = self._disk.lock(os.path.join(self._root, LOCK))
        with nullcontext() if dry_run else alone:
            yield from salvage(self._root, self._disk, self._catalog, aside, dry_run)

    def left_behind(self) -> Iterator[tuple[str, str]]:
        """Files that no verb needs, and packs without an index; path and explanation of each."""
        from mvc.store.leftovers import leftovers

        return leftovers(self._root, self._catalog)

    def refresh(self) -> None:
        """See what other processes wrote; a miss does so by itself."""
        self._catalog.refresh()


def _pieces(
    file: PackFile, location: Location, object_id: ObjectId, window: int, bases: Bases
) -> Iterator[memoryview]:
    if location.length > 2 * limits.FRAME:
        yield from reading.windows(file, location, object_id, reading.memory_for(window), bases)
        return
    run = reading.run_over(file, [location])
    scratch = reading.scratch_for([location])
    for view, _ in reading.serial(run, location, object_id, scratch, bases):
        yield view
