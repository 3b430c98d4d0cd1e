"""The objects that deltas stand on: their bytes, frame by frame, decoded over their own bases.

A chain ends because each base is less deep than what stands on it. Memory is bounded by two frames for each
level and thread. What is decoded here is not proven: the BLAKE3 of the object on top is the proof of all.
"""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

from blake3 import blake3
from xxhash import xxh3_128_digest

from mvc.errors import CorruptPack, MissingObject
from mvc.ids import ObjectId
from mvc.limits import DELTA_DEPTH, LARGEST_FACTOR
from mvc.store import framing, workers
from mvc.store.catalog import Catalog, Location
from mvc.store.codecs import LOWRANK, OVER_BASE, base_span
from mvc.store.memory import copy
from mvc.store.pack import FrameHeader, ObjectHeader
from mvc.store.packfile import PackFile
from mvc.store.source import ByteSource

#: For each depth that a base can have; the last is for what stands on top.
_payloads = [workers.Buffers() for _ in range(DELTA_DEPTH + 1)]
_frames = [workers.Buffers() for _ in range(DELTA_DEPTH + 1)]
_under = [workers.Buffers() for _ in range(DELTA_DEPTH + 1)]


#: Bytes of a factor object in which its weight's id lies: see the codec ``lowrank``.
_FACTOR_HEAD = 40


class Foundation(Protocol):
    """What an object may stand on."""

    digest: bytes
    depth: int
    stored: int

    def under(
        self, number: int, param: int, start: int, length: int, buffer: workers.Buffers
    ) -> memoryview:
        """See ``Ground``."""
        ...


class Weight(Foundation, Protocol):
    """What a factor may belong to."""

    def read_into(self, start: int, out: memoryview) -> None:
        """See ``Ground``."""
        ...


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

    def under(
        self, number: int, param: int, start: int, length: int, buffer: workers.Buffers
    ) -> memoryview:
        """What a frame at ``start`` decodes over by the codec ``number``, in ``buffer``.

        Raises:
            CorruptPack, MissingObject
        """
        if number == LOWRANK:
            return self._factor_and_weight(start, length, buffer)
        begin, wanted = base_span(number, param, start, length)
        out = buffer.take(wanted)
        self.read_into(begin, out)
        return out

    def _factor_and_weight(self, start: int, length: int, buffer: workers.Buffers) -> memoryview:
        if self._below is None or self.length > LARGEST_FACTOR:
            raise CorruptPack(
                f"{self._file.path}: object {self.digest.hex()} is no factor of a weight",
                hint="run: mvc fsck --full",
            )
        out = buffer.take(self.length + length)
        self.read_into(0, out[: self.length])
        if self._below.digest not in out[:_FACTOR_HEAD].tobytes():
            raise CorruptPack(
                f"{self._file.path}: factor {self.digest.hex()} stands on another weight than its own",
                hint="run: mvc fsck --full",
            )
        self._below.read_into(start, out[self.length :])
        return out

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
                copy(whole[inside : inside + wanted], target)
            position += wanted
        if position < len(out):
            out[position:] = bytes(len(out) - position)

    def begins_as(self, source: ByteSource) -> bool:
        """Whether ``source`` has the object's length and first frame, which says nothing of the rest.

        Raises:
            CorruptPack
            MvcError: the source does not hold its bytes any more.
        """
        if source.length != self.length or not self.length:
            return False
        _, frame = next(self._file.frames(self._location.offset, self._header))
        view = _frames[self.depth].take(frame.length)
        source.read_into(0, view)
        return xxh3_128_digest(view) == frame.digest

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


class Factor:
    """A factor object that is not stored yet, on the weight that it belongs to: see the codec ``lowrank``."""

    def __init__(self, data: bytes, weight: Weight) -> None:
        self.data = data
        self.weight = weight
        self.digest = blake3(data).digest()
        self.depth = weight.depth + 1
        self.stored = weight.stored + len(data)

    def under(
        self, number: int, param: int, start: int, length: int, buffer: workers.Buffers
    ) -> memoryview:
        """See ``Ground``; codecs other than ``lowrank`` are not tried on it."""
        out = buffer.take(len(self.data) + length)
        out[: len(self.data)] = self.data
        self.weight.read_into(start, out[len(self.data) :])
        return out


class Bases:
    """Finds what an object stands on."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def ground(self, object_id: ObjectId) -> Ground:
        """The object as something to stand on.

        Raises:
            MissingObject, CorruptPack
        """
        return self._ground(object_id, None, "")

    def _ground(self, object_id: ObjectId, over: ObjectHeader | None, where: str) -> Ground:
        """``over``: what stands on it, deeper; asked first, as a hostile pack may go round in circles."""
        file, location = self._catalog.shallowest(object_id)
        header = file.object_header(location.offset)
        if over is not None and header.depth >= over.depth:
            raise CorruptPack(
                f"{where}: object {over.digest.hex()} at depth {over.depth} is a delta to {object_id} "
                f"at depth {header.depth}",
                hint="run: mvc fsck --full",
            )
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
            return self._ground(ObjectId(base), header, where)
        except MissingObject as error:
            raise MissingObject(
                f"{where}: object {header.digest.hex()} is a delta to {base}, which is in no pack",
                hint="run: mvc fsck --full",
            ) from error


def under(
    ground: Ground | None, frame: FrameHeader, start: int, depth: int = DELTA_DEPTH
) -> memoryview | None:
    """The base's bytes from ``start`` on, for a frame that decodes over them; else None.

    They are this thread's until its next call with the same ``depth``.
    """
    if ground is None or frame.codec not in OVER_BASE:
        return None
    return ground.under(frame.codec, frame.param, start, frame.length, _under[depth])
