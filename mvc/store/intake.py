"""Raw bytes on their way in: read and hashed on all cores, held in two slots whatever the size of a model.

While one slot is being encoded the other is filled. An object larger than a slot is read twice: first to learn
its id, for it may be known, then to encode it slot by slot; the second reading must find what the first found.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from blake3 import blake3
from xxhash import xxh3_128_digest

from mvc import limits
from mvc.errors import MvcError
from mvc.store import workers
from mvc.store.batch import Slot, groups
from mvc.store.source import ByteSource, Incoming

#: Objects in a slot; bounds what their headers and the bookkeeping add to its memory.
_MOST_IN_SLOT = 4096
#: From so many items in a group on, most of the time goes into calls.
_SMALL_ONES = 64
#: Of a large object, so many bytes are read at once.
_PIECE = 4 * limits.MIB

#: What each piece of each slotful looked like.
Seen = list[list[bytes]]


class Intake:
    """The slots, by turns. ``size`` is what one holds, in bytes."""

    def __init__(self) -> None:
        self.size = max(1, limits.WINDOW // limits.FRAME) * limits.FRAME
        self._slots: list[Slot] = []
        self._turn = 0

    def close(self) -> None:
        """Let the slots go; nothing may be encoded from them any more."""
        self._slots = []

    def batches(self, items: Sequence[Incoming]) -> Iterator[list[Incoming]]:
        """Items that fill a slot together; one that is larger than a slot comes alone."""
        batch: list[Incoming] = []
        used = 0
        for item in items:
            length = item.source.length
            if batch and (used + length > self.size or len(batch) == _MOST_IN_SLOT):
                yield batch
                batch, used = [], 0
            batch.append(item)
            used += length
        if batch:
            yield batch

    def slot(self, size: int, objects: int) -> Slot:
        """A slot for so many bytes that no task uses: at most the other one is being encoded."""
        if not self._slots and size <= self.size // 16:
            return Slot(size, objects)  # a few small objects are not worth two full slots
        if not self._slots:
            self._slots = [Slot(self.size, _MOST_IN_SLOT) for _ in range(2)]
        self._turn ^= 1
        return self._slots[self._turn]

    @contextlib.contextmanager
    def spare(self) -> Iterator[Slot]:
        """A slot to look at bytes in, free again afterwards, while the other may still be encoded from."""
        slot = self.slot(self.size, 1)
        yield slot
        self._turn ^= 1

    def hash_large(self, source: ByteSource) -> tuple[bytes, Seen]:
        """The id of an object, and what it looks like to who reads it again."""
        hasher = blake3(max_threads=workers.cores())
        seen = []
        with self.spare() as slot:
            for start in range(0, source.length, self.size):
                view = slot.raw[: min(self.size, source.length - start)]
                seen.append(_filled(view, source, start))
                hasher.update(view)
        return hasher.digest(), seen

    def reread(self, source: ByteSource, seen: Seen) -> Iterator[tuple[int, Slot, memoryview]]:
        """Where each slotful begins, its slot and its bytes.

        Raises:
            MvcError: they are not what they were.
        """
        for start, expected in zip(range(0, source.length, self.size), seen, strict=True):
            slot = self.slot(source.length, 1)
            view = slot.raw[: min(self.size, source.length - start)]
            if _filled(view, source, start) != expected:
                raise MvcError(
                    "a file changed while it was read",
                    hint="wait until nothing writes to it, then add it again",
                )
            yield start, slot, view


def read(items: Sequence[Incoming], views: Sequence[memoryview]) -> list[bytes]:
    """Fill a view with each item; their ids."""

    def work(group: range) -> list[bytes]:
        digests = []
        for number in group:
            items[number].source.read_into(0, views[number])
            digests.append(blake3(views[number]).digest())
        return digests

    cut = list(groups([len(view) for view in views]))
    if len(cut) == 1:
        return work(cut[0])
    if len(items) > _SMALL_ONES * len(
        cut
    ):  # threads would only wait for each other's interpreter lock
        return [digest for group in cut for digest in work(group)]
    return [digest for digests in workers.run(work, cut) for digest in digests]


def _filled(view: memoryview, source: ByteSource, start: int) -> list[bytes]:
    """Fill ``view`` from ``start`` of the source on; what each piece looks like."""

    def work(position: int) -> bytes:
        piece = view[position : position + _PIECE]
        source.read_into(start + position, piece)
        return xxh3_128_digest(piece)

    return list(workers.run(work, range(0, len(view), _PIECE)))
