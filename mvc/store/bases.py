"""The objects that deltas stand on: their bytes, frame by frame, decoded over their own bases.

A chain ends because each base is less deep than what stands on it. Memory is bounded by two frames for each
level and thread. What is decoded here is not proven: the BLAKE3 of the object on top is the proof of all.
"""

from __future__ import annotations

from functools import cached_property

from mvc.errors import CorruptPack, MissingObject
from mvc.ids import ObjectId
from mvc.limits import DELTA_DEPTH
from mvc.store import framing, workers
from mvc.store.catalog import Catalog, Location
from mvc.store.codecs import OVER_BASE, base_span
from mvc.store.pack import FrameHeader, ObjectHeader
from mvc.store.packfile import PackFile

#: For each depth that a base can have; the last is for what stands on top.
_payloads = [workers.Buffers() for _ in range(DELTA_DEPTH + 1)]
_frames = [workers.Buffers() for _ in range(DELTA_DEPTH + 1)]
_under = [workers.Buffers() for _ in range(DELTA_DEPTH + 1)]


class Ground:
    """An object that deltas stand on. Safe between threads.

    ``stored`` are the bytes that it and all below it take.
    """

    def __init__(
        self, file: PackFile, location: Location, header: ObjectHeader, below: Ground | None
    ) -> None:
        self._file = file
        self._location = location
        self._header = header
        self._below = below
        self.digest = header.digest
        self.depth = header.depth
        self.length = header.length
        self.stored: int = location.stored + (below.stored if below else 0)

    def read_into(self, start: int, out: memoryview) -> None:
        """Fill ``out`` with the raw bytes from ``start`` on; zeros stand for what is past the end.

        Raises:
            CorruptPack, MissingObject
        """
        size = self._header.frame_size
        position = 0
        while position < len(out) and start + position < self.length:
            number, inside = divmod(start + position, size)
            length = self._table[number][1].length
            wanted = min(len(out) - position, length - inside)
            target = out[position : position + wanted]
            if wanted == length:
                self._decode(number, target)
            else:
                whole = _frames[self.depth].take(length)
                self._decode(number, whole)
                framing.copy(whole[inside : inside + wanted], target)
            position += wanted
        if position < len(out):
            out[position:] = bytes(len(out) - position)

    @cached_property
    def _table(self) -> list[tuple[int, FrameHeader]]:
        return list(self._file.frames(self._location.offset, self._header))

    def _decode(self, number: int, out: memoryview) -> None:
        offset, frame = self._table[number]
        payload = _payloads[self.depth].take(frame.stored)
        self._file.read_into(offset, payload)
        start = number * self._header.frame_size
        base = under(self._below, frame, start, self.depth)
        framing.load(frame, payload, out, self._file.path, offset, base)


class Bases:
    """Finds what an object stands on."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def ground(self, object_id: ObjectId) -> Ground:
        """The object as something to stand on.

        Raises:
            MissingObject, CorruptPack
        """
        file, location = self._catalog.shallowest(object_id)
        header = file.object_header(location.offset)
        if header.digest.hex() != object_id or header.length != location.length:
            raise CorruptPack(
                f"{file.path} has another object where its index has {object_id}",
                hint="run: mvc fsck --full",
            )
        return Ground(file, location, header, self.below(header, file.path))

    def below(self, header: ObjectHeader, where: str) -> Ground | None:
        """What the object with this header stands on; None when it is whole.

        Raises:
            MissingObject: it is gone.
            CorruptPack: it is as deep as what stands on it, or can't be read.
        """
        if not header.depth:
            return None
        base = header.base.hex()
        try:
            ground = self.ground(ObjectId(base))
        except MissingObject as error:
            raise MissingObject(
                f"{where}: object {header.digest.hex()} is a delta to {base}, which is in no pack",
                hint="run: mvc fsck --full",
            ) from error
        if ground.depth >= header.depth:
            raise CorruptPack(
                f"{where}: object {header.digest.hex()} at depth {header.depth} is a delta to {base} "
                f"at depth {ground.depth}",
                hint="run: mvc fsck --full",
            )
        return ground


def under(
    ground: Ground | None, frame: FrameHeader, start: int, depth: int = DELTA_DEPTH
) -> memoryview | None:
    """The base's bytes from ``start`` on, for a frame that decodes over them; else None.

    They are this thread's until its next call with the same ``depth``.
    """
    if ground is None or frame.codec not in OVER_BASE:
        return None
    begin, length = base_span(frame.codec, frame.param, start, frame.length)
    buffer = _under[depth].take(length)
    ground.read_into(begin, buffer)
    return buffer
