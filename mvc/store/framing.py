"""One frame between its raw bytes and its stored form: choose a codec, prove it, seal it; and back.

Every frame is decoded and compared before anything is named after it; every check on the way out
comes before the step that would trust what it checks.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from xxhash import xxh3_64_intdigest, xxh3_128_digest

from mvc.errors import CorruptPack, DecodeMismatch, HashMismatch, IntegrityError
from mvc.store import pack
from mvc.store.codecs import PLANES, RAW, Place, Plan, codec, may_gain
from mvc.store.memory import copy, equal
from mvc.store.pack import FrameHeader
from mvc.store.workers import Buffers

_decoded = Buffers()
_second = Buffers()
_base = Buffers()

#: Below this no codec is tried: its own headers, and the time, outweigh what it could save.
_SMALLEST = 96
#: A payload below this share ends the search: no later codec of a plan gets there.
_GOOD_ENOUGH = 0.4


class Foundation(Protocol):
    """What a frame may stand on: see ``mvc.store.bases.Ground``."""

    def under(
        self, number: int, param: int, start: int, length: int, buffer: Buffers
    ) -> memoryview:
        """What a frame at ``start`` decodes over, in ``buffer``."""
        ...


class Part(NamedTuple):
    """A frame to store. ``header`` goes in front (an object's, before its first frame).

    An empty object has a part with neither raw bytes nor frame. ``start`` is the frame's place in its
    object, and in the ``ground`` that it may stand on; ``rows`` are lengths that a tensor's rows may have.
    """

    header: bytes
    raw: memoryview
    plan: Plan
    start: int = 0
    ground: Foundation | None = None
    rows: tuple[int, ...] = ()

    def room(self) -> int:
        """Bytes that the stored part takes at most."""
        return len(self.header) + pack.FRAME_SIZE + len(self.raw)


def store_parts(parts: Sequence[Part], out: memoryview) -> list[int]:
    """Write the parts into ``out`` back to back; the stored length of each.

    Raises:
        DecodeMismatch: a codec did not give back the frame.
    """
    sizes = []
    position = 0
    for part in parts:
        start = position
        out[position : position + len(part.header)] = part.header
        position += len(part.header)
        if part.raw:
            position += _store(part, out[position:])
        sizes.append(position - start)
    return sizes


def _store(part: Part, out: memoryview) -> int:
    raw, base = part.raw, None
    if part.ground is not None:
        number, param = part.plan[0]  # all of a plan that look at the base look at the same bytes
        with contextlib.suppress(IntegrityError):  # damaged: the frame can do without
            base = part.ground.under(number, param, part.start, len(raw), _base)
    digest = xxh3_128_digest(raw)  # first: in order is how memory gives bytes up fastest
    room = out[pack.FRAME_SIZE : pack.FRAME_SIZE + len(raw)]
    number, param, size = _encode(raw, part.plan, room, base, Place(part.start, part.rows))
    payload = room[:size]
    if number == RAW:
        copy(raw, payload)
    else:
        _prove(raw, number, param, payload, base)
    check = xxh3_64_intdigest(payload)
    header = FrameHeader(number, param, len(raw), size, check, digest)
    out[: pack.FRAME_SIZE] = pack.encode_frame(header)
    return pack.FRAME_SIZE + size


def _encode(
    raw: memoryview, plan: Plan, out: memoryview, base: memoryview | None, place: Place
) -> tuple[int, int, int]:
    """Codec, parameter and length of the smallest payload, which is in ``out`` unless it is raw."""
    best = (RAW, 0, len(raw))
    if len(raw) < _SMALLEST:
        return best
    for attempt, (number, param) in enumerate(plan):
        if not may_gain(number, param, raw, base):
            continue
        target = _second.take(len(raw)) if attempt else out
        size = codec(number).encode(raw, param, target, base, place)
        if size is not None and size < best[2]:
            best = (number, param, size)
            if attempt:
                copy(target[:size], out[:size])
            if size < len(raw) * _GOOD_ENOUGH:
                break
    return best


def _prove(
    raw: memoryview, number: int, param: int, payload: memoryview, base: memoryview | None
) -> None:
    if number == PLANES:
        from mvc.store.codecs.planes import matches

        proven = matches(payload, param, raw)
    else:
        back = _decoded.take(len(raw))
        codec(number).decode(payload, param, back, base)
        proven = equal(raw, back)
    if not proven:
        raise DecodeMismatch(
            f"codec {number} (parameter {param}) did not give back a frame of {len(raw)} bytes",
            hint="nothing was stored; please report this, with the file",
        )


def check_payload(frame: FrameHeader, payload: memoryview, where: str, offset: int) -> None:
    """Accept only the payload that was stored.

    Raises:
        CorruptPack
    """
    if xxh3_64_intdigest(payload) != frame.check:
        raise pack.corrupt(where, offset, "has damage in a frame")


def load(
    frame: FrameHeader,
    payload: memoryview,
    out: memoryview,
    where: str,
    offset: int,
    base: memoryview | None = None,
) -> None:
    """Check the payload at ``offset`` and decode it into ``out``, which has the frame's raw length, as
    ``base`` has.

    Raises:
        CorruptPack
    """
    check_payload(frame, payload, where, offset)
    try:
        codec(frame.codec).decode(payload, frame.param, out, base)
    except CorruptPack as error:
        raise pack.corrupt(where, offset, f"has a frame that can't be decoded: {error}") from error


def check_raw(frame: FrameHeader, raw: memoryview, where: str, offset: int) -> None:
    """Accept only the raw bytes that the frame was made of.

    Raises:
        HashMismatch
    """
    if xxh3_128_digest(raw) != frame.digest:
        raise HashMismatch(
            f"{where}: the frame at offset {offset} does not hold the bytes that were stored",
            hint="run: mvc fsck --full",
        )
