"""The writer's memory: slots of raw bytes and what becomes of them, cut into tasks for the
workers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from mvc import limits
from mvc.store import pack, workers
from mvc.store.codecs import plan
from mvc.store.framing import Part, store_parts
from mvc.store.pack import DELTA, NO_BASE, WHOLE, ObjectHeader
from mvc.values import dataclass

if TYPE_CHECKING:
    from mvc.store.choosing import Footing

#: Small parts share a task of up to this many: handing a task over costs as much as encoding 1 KiB.
_MOST_IN_TASK = 256
#: From so many parts in a task on (64 KiB each) threads gain nothing.
_CHATTY = 16
#: NumPy takes unaligned words, at half the speed.
_ALIGNMENT = 64


@dataclass(slots=True)
class NewObject:
    """An object of the pack being written; ``offset`` is -1 until its header is written."""

    digest: bytes
    length: int
    footing: Footing | None = None
    offset: int = -1
    stored: int = 0

    def header(self) -> bytes:
        """What goes in front of the object's frames."""
        frames = pack.frame_count(self.length, limits.FRAME)
        fields = frames, limits.FRAME, self.length, self.digest
        base = self.footing.ground.digest if self.footing else NO_BASE
        return pack.encode_object(ObjectHeader(self.kind, self.depth, *fields, base))

    @property
    def kind(self) -> int:
        """``WHOLE`` or ``DELTA``."""
        return DELTA if self.footing else WHOLE

    @property
    def depth(self) -> int:
        """How many bases stand below it."""
        return self.footing.ground.depth + 1 if self.footing else 0


class Slot:
    """Room for ``objects`` objects of ``size`` raw bytes together, and for their stored form."""

    def __init__(self, size: int, objects: int) -> None:
        frames = size // limits.FRAME + 1
        headers = objects * (pack.OBJECT_SIZE + pack.FRAME_SIZE) + frames * pack.FRAME_SIZE
        self.raw = workers.pages(size + objects * _ALIGNMENT)
        self.out = workers.pages(size + headers)

    def place(self, lengths: Iterable[int]) -> list[memoryview]:
        """A stretch of the raw bytes for each length, aligned for NumPy."""
        views = []
        position = 0
        for length in lengths:
            views.append(self.raw[position : position + length])
            position += -(-length // _ALIGNMENT) * _ALIGNMENT
        return views


@dataclass(slots=True)
class Task:
    """Parts that one worker encodes into ``out``, back to back, and the objects that they belong
    to."""

    parts: list[Part]
    owners: list[NewObject]
    out: memoryview

    @property
    def chatty(self) -> bool:
        """Whether its parts are so small that most of the time goes into calls."""
        return len(self.parts) >= _CHATTY

    def run(self) -> list[int]:
        """Encode; the stored length of each part."""
        return store_parts(self.parts, self.out)


class Tasks:
    """Cuts objects into parts and groups the parts into tasks of about a frame."""

    def __init__(self, out: memoryview) -> None:
        self._out = out
        self._used = 0
        self._parts: list[Part] = []
        self._owners: list[NewObject] = []
        self._raw = 0
        self._done: list[Task] = []

    def add(self, owner: NewObject, dtype: str | None, raw: memoryview, at: int = 0) -> None:
        """The frames of ``raw``, which begins on a frame, ``at`` bytes into the object; the first frame
        of an object has its header in front."""
        tries = owner.footing.plan if owner.footing else plan(dtype)
        ground = owner.footing.ground if owner.footing else None
        rows = owner.footing.rows if owner.footing else ()
        for start in range(0, len(raw) or 1, limits.FRAME):
            header = owner.header() if at == start == 0 else b""
            frame = raw[start : start + limits.FRAME]
            part = Part(header, frame, tries, at + start, ground, rows)
            if self._raw + len(part.raw) > limits.FRAME or len(self._parts) == _MOST_IN_TASK:
                self._close()
            self._parts.append(part)
            self._owners.append(owner)
            self._raw += len(part.raw)

    def all(self) -> list[Task]:
        """The tasks, in the order in which their output belongs in the pack."""
        self._close()
        return self._done

    def _close(self) -> None:
        if self._parts:
            room = sum(part.room() for part in self._parts)
            out = self._out[self._used : self._used + room]
            self._done.append(Task(self._parts, self._owners, out))
            self._used += room
            self._parts, self._owners, self._raw = [], [], 0


def groups(lengths: list[int]) -> Iterator[range]:
    """Consecutive positions whose lengths make up about a frame, or that are many."""
    start, used = 0, 0
    for number, length in enumerate(lengths):
        if used >= limits.FRAME or number - start == _MOST_IN_TASK:
            yield range(start, number)
            start, used = number, 0
        used += length
    yield range(start, len(lengths))
