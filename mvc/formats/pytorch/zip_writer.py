"""Writing a zip file as torch does, around contents that are not at hand.

Every record is aligned through a padding field in its local header, ``FB`` and then ``Z`` bytes, so that the
file can be mapped. Sizes and CRCs stand in the headers, not behind the data: they are known beforehand.

Source: torch's ``caffe2/serialize/inline_container.cc``; PKWARE APPNOTE 6.3.10 for zip64.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

from mvc.formats.pytorch.zip_directory import STORED
from mvc.values import dataclass

ALIGNMENT: Final = 64

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_END64_LOCATOR = struct.Struct("<4sIQI")
_END64 = struct.Struct("<4sQ2H2I4Q")

_UTF8 = 0x0800
_ZIP64 = 0xFFFFFFFF
_MANY = 0xFFFF


@dataclass(frozen=True, slots=True)
class Record:
    """An entry to write: ``content`` as it is stored, or None for ``stored`` bytes left open."""

    name: str
    content: bytes | None
    method: int
    crc: int
    stored: int
    length: int


def record(name: str, content: bytes) -> Record:
    """An uncompressed record of ``content``."""
    return Record(name, content, STORED, zlib.crc32(content), len(content), len(content))


@dataclass(frozen=True, slots=True)
class Written:
    """A file of ``size`` bytes: ``literal`` in order, but for the gaps, (offset, length) by record name."""

    size: int
    literal: bytes
    gaps: dict[str, tuple[int, int]]


def write_zip(records: list[Record], alignment: int = ALIGNMENT) -> Written:
    """The zip file of ``records``, the data of each at a multiple of ``alignment`` bytes."""
    literal = bytearray()
    directory = bytearray()
    gaps: dict[str, tuple[int, int]] = {}
    position = 0
    for entry in records:
        header = _local_header(entry, position, alignment)
        literal += header
        directory += _central_header(entry, position)
        position += len(header)
        if entry.content is None:
            gaps[entry.name] = (position, entry.stored)
        else:
            literal += entry.content
        position += entry.stored
    literal += directory + _end(len(records), position, len(directory))
    return Written(len(literal) + sum(length for _, length in gaps.values()), bytes(literal), gaps)


def _local_header(entry: Record, position: int, alignment: int) -> bytes:
    name = entry.name.encode()
    large = max(entry.stored, entry.length) >= _ZIP64
    extra = struct.pack("<2H2Q", 1, 16, entry.length, entry.stored) if large else b""
    unpadded = position + _LOCAL.size + len(name) + len(extra) + 4
    padding = -unpadded % alignment
    extra += b"FB" + struct.pack("<H", padding) + b"Z" * padding
    sizes = (_ZIP64, _ZIP64) if large else (entry.stored, entry.length)
    needed = 45 if large else 20
    fields = (needed, _UTF8, entry.method, 0, 0, entry.crc, *sizes, len(name), len(extra))
    return _LOCAL.pack(b"PK\x03\x04", *fields) + name + extra


def _central_header(entry: Record, position: int) -> bytes:
    name = entry.name.encode()
    values = (entry.length, entry.stored, position)
    wide = [value for value in values if value >= _ZIP64]
    extra = struct.pack(f"<2H{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
    length, stored, header = (min(value, _ZIP64) for value in values)
    needed = 45 if wide else 20
    fields = (needed, needed, _UTF8, entry.method, 0, 0, entry.crc, stored, length)
    rest = (len(name), len(extra), 0, 0, 0, 0, header)
    return _CENTRAL.pack(b"PK\x01\x02", *fields, *rest) + name + extra


def _end(count: int, start: int, length: int) -> bytes:
    at = start + length
    wide = b""
    if count >= _MANY or at >= _ZIP64:
        wide = _END64.pack(b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, length, start)
        wide += _END64_LOCATOR.pack(b"PK\x06\x07", 0, at, 1)
    short = (min(count, _MANY), min(count, _MANY), min(length, _ZIP64), min(start, _ZIP64))
    return wide + _END.pack(b"PK\x05\x06", 0, 0, *short, 0)
