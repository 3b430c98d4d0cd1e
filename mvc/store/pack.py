"""The bytes of a pack: header, object and frame headers, table, footer. Pure functions, no files.

``docs/reference/pack-format.md`` draws the tables. Everything is little-endian. Each header ends in
an XXH3 of itself, so that nothing it says is believed, let alone allocated, before it is known to
be what was written; damage of any one byte is a ``CorruptPack`` with its offset.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from blake3 import blake3
from xxhash import xxh3_64_intdigest

from mvc import limits
from mvc.errors import CorruptPack

MAGIC = b"MVCPACK1"
VERSION = 1
SUFFIX = ".pack"

_HEADER = struct.Struct("<8sII")
_OBJECT = struct.Struct("<4sBBHIIQ32s32s")
_FRAME = struct.Struct("<4sBBHIIQ16s")
_RECORD = struct.Struct("<32sIHBBQQQ")
_FOOTER = struct.Struct("<QQ32s")
_CHECK = struct.Struct("<Q")
_OBJECT_MAGIC = b"OBJ1"
_FRAME_MAGIC = b"FRM1"
_END = b"MVCPEND1"

HEADER_SIZE = _HEADER.size  # 16
OBJECT_SIZE = _OBJECT.size + _CHECK.size  # 96
FRAME_SIZE = _FRAME.size + _CHECK.size  # 48
RECORD_SIZE = _RECORD.size  # 64
FOOTER_SIZE = _FOOTER.size + _CHECK.size + len(_END)  # 64

#: Kinds of objects: one whose frames need no base, and one whose frames may.
WHOLE = 0
DELTA = 1
NO_BASE = bytes(32)


class ObjectHeader(NamedTuple):
    """In front of an object's frames. ``base`` is the id a delta stands on, ``depth`` its chain's
    length."""

    kind: int
    depth: int
    frames: int
    frame_size: int
    length: int
    digest: bytes
    base: bytes


class FrameHeader(NamedTuple):
    """In front of a frame's payload. ``check`` is the payload's XXH3, ``digest`` the raw
    frame's XXH3-128."""

    codec: int
    param: int
    length: int
    stored: int
    check: int
    digest: bytes


class Record(NamedTuple):
    """A line of a pack's table or of an index. ``stored`` counts the object with all its
    headers."""

    digest: bytes
    pack: int
    depth: int
    kind: int
    offset: int
    stored: int
    length: int


def header() -> bytes:
    """The first bytes of every pack."""
    return _HEADER.pack(MAGIC, VERSION, 0)


def check_header(data: bytes, where: str) -> None:
    """Accept only this version's header.

    Raises:
        CorruptPack
    """
    if data != header():
        if data[:8] == MAGIC and len(data) == HEADER_SIZE:
            raise CorruptPack(
                f"{where} has a pack version that this mvc does not know",
                hint="upgrade mvc, or run: mvc fsck --full",
            )
        raise corrupt(where, 0, "is not a pack")


def frame_count(length: int, frame_size: int) -> int:
    """Frames of an object of ``length`` raw bytes; none for an empty one."""
    return -(-length // frame_size)


def encode_object(value: ObjectHeader) -> bytes:
    """Inverse of ``decode_object``."""
    return _sealed(
        _OBJECT.pack(
            _OBJECT_MAGIC,
            value.kind,
            0,
            value.depth,
            value.frames,
            value.frame_size,
            value.length,
            value.digest,
            value.base,
        )
    )


def decode_object(data: bytes | memoryview, where: str, offset: int) -> ObjectHeader:
    """The object header at ``offset``, with every field within its limits.

    Raises:
        CorruptPack
    """
    _check(data, OBJECT_SIZE, _OBJECT_MAGIC, where, offset, "an object header")
    _, kind, flags, depth, frames, frame_size, length, digest, base = _OBJECT.unpack_from(data)
    if kind not in (WHOLE, DELTA) or flags:
        raise CorruptPack(
            f"{where} has at offset {offset} an object of kind {kind}, flags {flags}, "
            "which this mvc does not know",
            hint="upgrade mvc, or run: mvc fsck --full",
        )
    # A base is less deep than what stands on it, so no chain is a circle.
    least, most = (1, limits.DELTA_DEPTH) if kind == DELTA else (0, 0)
    if not least <= depth <= most or (base == NO_BASE) != (kind == WHOLE) or base == digest:
        raise corrupt(
            where, offset, f"has an object of kind {kind} at depth {depth} over {base.hex()}"
        )
    if not 0 < frame_size <= limits.FRAME or frames != frame_count(length, frame_size):
        raise corrupt(where, offset, f"has {frames} frames of {frame_size} for {length} bytes")
    return ObjectHeader(kind, depth, frames, frame_size, length, digest, base)


def encode_frame(value: FrameHeader) -> bytes:
    """Inverse of ``decode_frame``."""
    return _sealed(
        _FRAME.pack(
            _FRAME_MAGIC,
            value.codec,
            value.param,
            0,
            value.length,
            value.stored,
            value.check,
            value.digest,
        )
    )


def decode_frame(data: bytes | memoryview, length: int, where: str, offset: int) -> FrameHeader:
    """The frame header at ``offset``, of a frame that must hold ``length`` raw bytes.

    Raises:
        CorruptPack
    """
    _check(data, FRAME_SIZE, _FRAME_MAGIC, where, offset, "a frame header")
    _, codec, param, reserved, raw, stored, check, digest = _FRAME.unpack_from(data)
    if reserved or raw != length or stored > raw:
        raise corrupt(where, offset, f"has a frame of {raw} bytes in {stored}, not of {length}")
    return FrameHeader(codec, param, raw, stored, check, digest)


def encode_record(value: Record) -> bytes:
    """Inverse of ``decode_record``."""
    return _RECORD.pack(
        value.digest,
        value.pack,
        value.depth,
        value.kind,
        0,
        value.offset,
        value.stored,
        value.length,
    )


def decode_record(data: bytes, position: int = 0) -> Record:
    """The record at ``position``; the caller has checked the table's hash."""
    digest, pack, depth, kind, _, offset, stored, length = _RECORD.unpack_from(data, position)
    return Record(digest, pack, depth, kind, offset, stored, length)


def encode_footer(table_offset: int, table: bytes) -> bytes:
    """Inverse of ``decode_footer``."""
    body = _FOOTER.pack(table_offset, len(table) // RECORD_SIZE, blake3(table).digest())
    return _sealed(body) + _END


def decode_footer(data: bytes, size: int, where: str) -> tuple[int, int, bytes]:
    """Offset, record count and BLAKE3 of the table, from the last bytes of a pack of ``size``
    bytes.

    Raises:
        CorruptPack
    """
    offset = size - FOOTER_SIZE
    if len(data) != FOOTER_SIZE or data[-len(_END) :] != _END:
        raise corrupt(where, max(offset, 0), "has no footer: it is cut short or overwritten")
    _check(data, _FOOTER.size + _CHECK.size, b"", where, offset, "a footer")
    table, count, digest = _FOOTER.unpack_from(data)
    if table < HEADER_SIZE or table + count * RECORD_SIZE != offset:
        raise corrupt(
            where, offset, f"has a table of {count} records at {table}, which does not fit"
        )
    return table, count, digest


def corrupt(where: str, offset: int, what: str) -> CorruptPack:
    """The error for damage at ``offset`` of the pack ``where``."""
    return CorruptPack(f"{where} {what} (at offset {offset})", hint="run: mvc fsck --full")


def _sealed(body: bytes) -> bytes:
    return body + _CHECK.pack(xxh3_64_intdigest(body))


def _check(
    data: bytes | memoryview, size: int, magic: bytes, where: str, offset: int, what: str
) -> None:
    if len(data) < size:
        raise corrupt(where, offset, f"ends inside {what}")
    body = bytes(data[: size - _CHECK.size])
    (declared,) = _CHECK.unpack_from(data, size - _CHECK.size)
    if not body.startswith(magic) or xxh3_64_intdigest(body) != declared:
        raise corrupt(where, offset, f"has damage in {what}")
