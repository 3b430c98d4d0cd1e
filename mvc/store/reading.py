"""Objects out of packs: one after another, in windows decoded on all cores, or a slice.

Nothing leaves unchecked: an object's header must agree with the index, each payload with its XXH3,
and the whole object with the BLAKE3 that names it (a slice: each of its frames with the frame's
own).
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from blake3 import blake3

from mvc import limits
from mvc.errors import CorruptPack, HashMismatch
from mvc.ids import ObjectId
from mvc.store import framing, pack, workers
from mvc.store.bases import Bases, Ground, under
from mvc.store.catalog import Location
from mvc.store.pack import FrameHeader, ObjectHeader
from mvc.store.packfile import READ_AHEAD, PackFile, Run

if TYPE_CHECKING:
    from concurrent.futures import Future

#: Receives decoded bytes and their offset in the object; called from several threads.
Emit = Callable[[memoryview, int], None]

#: Stored bytes, and objects, that one task goes through.
_TASK_BYTES = 4 * limits.MIB
_TASK_OBJECTS = 256

_payloads = workers.Buffers()


def enter(run: Run, location: Location, object_id: ObjectId) -> ObjectHeader:
    """The header of an object, whose frames the run comes to next.

    Raises:
        CorruptPack: the object is not the one, or not of the size, that the index has.
    """
    run.enter(location.offset, location.offset + location.stored)
    header = pack.decode_object(run.take(pack.OBJECT_SIZE), run.file.path, location.offset)
    _agree(header, run.file.path, location, object_id)
    return header


def walk(
    run: Run, location: Location, object_id: ObjectId
) -> Iterator[tuple[int, FrameHeader, memoryview]]:
    """Offset, header and payload of each frame; a payload is valid until the next and not checked.

    Raises:
        CorruptPack: the object is not the one, or not of the size, that the index has.
    """
    yield from _frames(run, location, enter(run, location, object_id))


def _frames(
    run: Run, location: Location, header: ObjectHeader
) -> Iterator[tuple[int, FrameHeader, memoryview]]:
    where = run.file.path
    end = location.offset + location.stored
    remaining = header.length
    while remaining:
        length = min(header.frame_size, remaining)
        frame = pack.decode_frame(run.take(pack.FRAME_SIZE), length, where, run.position)
        offset = run.position
        yield offset, frame, run.take(frame.stored)
        remaining -= length
    if run.position != end:
        digest = header.digest.hex()
        raise pack.corrupt(where, run.position, f"ends object {digest} before its index does")


def serial(
    run: Run, location: Location, object_id: ObjectId, scratch: memoryview, bases: Bases
) -> Iterator[tuple[memoryview, int]]:
    """Each frame's bytes with their offset in the object, decoded into ``scratch`` one by one.

    ``scratch`` holds a frame or the whole object, whichever is smaller.

    Raises:
        CorruptPack
        HashMismatch: before the iteration ends, after all frames were handed out.
    """
    hasher = blake3()
    done = 0
    header = enter(run, location, object_id)
    ground = bases.below(header, run.file.path)
    for offset, frame, payload in _frames(run, location, header):
        view = scratch[: frame.length]
        with _about(header):
            framing.load(frame, payload, view, run.file.path, offset, under(ground, frame, done))
        hasher.update(view)
        yield view, done
        _invalidate(view)
        done += frame.length
    _named(hasher.digest(), run.file.path, location, object_id)


def windows(
    file: PackFile,
    location: Location,
    object_id: ObjectId,
    memory: memoryview,
    bases: Bases,
    emit: Emit | None = None,
) -> Iterator[memoryview]:
    """The object in pieces of up to half of ``memory``, each decoded on all cores while the last is
    used.

    ``memory`` holds at least two frames. A piece is valid until the next is asked for. ``emit``
    gets each frame as soon as it is decoded.

    Raises:
        CorruptPack
        HashMismatch: instead of the end of the iteration.
    """
    header = file.object_header(location.offset)
    _agree(header, file.path, location, object_id)
    ground = bases.below(header, file.path)
    hasher = blake3(max_threads=workers.cores())
    frames = file.frames(location.offset, header)
    size = len(memory) // 2 // header.frame_size * header.frame_size
    buffers = (memory[:size], memory[size : 2 * size])
    ahead = _start(file, header, ground, frames, 0, buffers[0], emit)
    turn = 0
    done = 0
    try:
        while done < header.length:
            for future in ahead:
                future.result()
            view = buffers[turn][: min(len(buffers[turn]), header.length - done)]
            done += len(view)
            turn ^= 1
            ahead = _start(file, header, ground, frames, done, buffers[turn], emit)
            hasher.update(view)
            yield view
            _invalidate(view)
    finally:
        workers.settle(ahead)
    _named(hasher.digest(), file.path, location, object_id)


def slice_of(
    file: PackFile,
    location: Location,
    object_id: ObjectId,
    start: int,
    length: int,
    bases: Bases,
) -> bytes:
    """``length`` bytes from ``start`` on, which lie inside the object; decodes no other frame.

    Raises:
        CorruptPack, HashMismatch
    """
    header = file.object_header(location.offset)
    _agree(header, file.path, location, object_id)
    ground = bases.below(header, file.path)
    pieces = []
    position = 0
    for offset, frame in file.frames(location.offset, header):
        low, high = max(start - position, 0), min(start + length - position, frame.length)
        if low < high:
            raw = memoryview(bytearray(frame.length))
            payload = memoryview(file.read(offset, frame.stored))
            base = under(ground, frame, position)
            with _about(header):
                framing.load(frame, payload, raw, file.path, offset, base)
            framing.check_raw(frame, raw, file.path, offset)
            pieces.append(bytes(raw[low:high]))
        position += frame.length
        if position >= start + length:
            break
    return b"".join(pieces)


def _start(
    file: PackFile,
    header: ObjectHeader,
    ground: Ground | None,
    frames: Iterator[tuple[int, FrameHeader]],
    done: int,
    buffer: memoryview,
    emit: Emit | None,
) -> list[Future[None]]:
    """Begin to decode the frames from raw offset ``done`` on that fit ``buffer``."""

    def work(offset: int, frame: FrameHeader, position: int) -> None:
        payload = _payloads.take(frame.stored)
        file.read_into(offset, payload)
        view = buffer[position : position + frame.length]
        base = under(ground, frame, done + position)
        with _about(header):
            framing.load(frame, payload, view, file.path, offset, base)
        if emit:
            emit(view, done + position)

    started: list[Future[None]] = []
    position = 0
    try:
        while position < len(buffer) and done + position < header.length:
            offset, frame = next(frames)
            started.append(workers.submit(partial(work, offset, frame, position)))
            position += frame.length
    except BaseException:
        workers.settle(started)
        raise
    return started


def neighbours(places: Iterable[Location]) -> Iterator[list[Location]]:
    """Groups of objects that follow each other in a pack, each for one task and one ``Run``."""
    group: list[Location] = []
    end = 0
    for place in sorted(places):
        fits = (
            bool(group)
            and group[0].pack == place.pack
            and end <= place.offset <= end + limits.FRAME
            and place.offset + place.stored - group[0].offset <= _TASK_BYTES
            and len(group) < _TASK_OBJECTS
        )
        if not fits:
            if group:
                yield group
            group = []
        group.append(place)
        end = place.offset + place.stored
    if group:
        yield group


def memory_for(window: int) -> memoryview:
    """Memory for ``windows``, of ``window`` bytes or the least that will do."""
    return workers.pages(max(window, 2 * limits.FRAME))


def run_over(file: PackFile, group: Sequence[Location], buffer: memoryview | None = None) -> Run:
    """A ``Run`` over a group of ``neighbours``."""
    return Run(file, group[0].offset, group[-1].offset + group[-1].stored, buffer)


class Lane(threading.local):
    """What a worker needs to go through one group after another, without fresh memory for each."""

    def __init__(self) -> None:
        self._buffer = workers.Buffers()
        self._scratch = workers.Buffers()

    def enter(self, file: PackFile, group: Sequence[Location]) -> tuple[Run, memoryview]:
        """A run over the group and scratch for ``serial``; they end with the thread's next call."""
        run = run_over(file, group, self._buffer.take(READ_AHEAD))
        return run, self._scratch.take(limits.FRAME)


def _invalidate(view: memoryview) -> None:
    """Make a piece that a caller kept too long an error rather than a later piece's bytes."""
    with contextlib.suppress(BufferError):  # an array still looks at it: no way to tell that one
        view.release()


@contextlib.contextmanager
def _about(header: ObjectHeader) -> Iterator[None]:
    """Damage of a frame says which object it hits."""
    try:
        yield
    except CorruptPack as error:
        raise CorruptPack(
            f"{error.message}, in object {header.digest.hex()}", hint=error.hint
        ) from error


def _agree(header: ObjectHeader, where: str, location: Location, object_id: ObjectId) -> None:
    """The object's header and the index must speak of the same object."""
    if header.digest.hex() != object_id or header.length != location.length:
        raise pack.corrupt(
            where, location.offset, f"has another object where its index has {object_id}"
        )
    least = pack.OBJECT_SIZE + header.frames * pack.FRAME_SIZE
    if not least <= location.stored <= least + header.length:
        raise pack.corrupt(
            where, location.offset, f"has an index that gives {object_id} a wrong size"
        )


def _named(digest: bytes, where: str, location: Location, object_id: ObjectId) -> None:
    if digest.hex() != object_id:
        raise HashMismatch(
            f"{where}: the bytes of object {object_id} (at offset {location.offset}) do not hash to it",
            hint="run: mvc fsck --full",
        )


def scratch_for(group: Iterable[Location]) -> memoryview:
    """What ``serial`` needs for each object of a group."""
    return memoryview(bytearray(min(max(place.length for place in group), limits.FRAME)))
