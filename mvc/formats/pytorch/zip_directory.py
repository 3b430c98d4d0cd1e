"""A strict reader of zip directories: where each entry's bytes lie in the file.

Own code, because the standard library hides what we need (the offset of an entry's data, which the local
header decides) and forgives what we can't (two entries over the same bytes, a directory that the end
record does not describe). It reads the directory and the local headers, never the content of an entry
unless asked, so it works on a file of which only these parts are at hand.

Source: PKWARE APPNOTE 6.3.10, sections 4.3.7 (local header) to 4.3.16 (end record), 4.5.3 (zip64).
"""

from __future__ import annotations

import struct
import zlib
from typing import Final, Protocol

from mvc.errors import LimitExceeded, MalformedFile
from mvc.limits import PATH, ZIP_ENTRIES
from mvc.values import dataclass

#: The way out that every refusal of this format names.
OPAQUE: Final = "to keep the file as plain bytes: mvc add --opaque FILE"

STORED: Final = 0
DEFLATED: Final = 8

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_END64_LOCATOR = struct.Struct("<4sIQI")
_END64 = struct.Struct("<4sQ2H2I4Q")
_EXTRA = struct.Struct("<2H")

_ENCRYPTED = 0x2041
SIZES_FOLLOW: Final = 0x0008
_UTF8 = 0x0800
_IN_ZIP64 = 0xFFFFFFFF
_MANY = 0xFFFF


class Readable(Protocol):
    """What is needed of a file; a ``BinaryIO`` has it."""

    def seek(self, offset: int, /) -> object:
        """Go to ``offset``."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes from there."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: ``[offset, offset + stored)`` are its bytes in the file, ``length`` after inflating.

    ``crc`` is CRC-32 of the inflated bytes as the directory has it; 0 where the writer left it out.
    ``header`` and ``listed`` are the offsets of its local header and of its record in the directory.
    """

    name: str
    method: int
    crc: int
    offset: int
    stored: int
    length: int
    flags: int
    header: int
    listed: int


def malformed(reason: str, offset: int | None = None) -> MalformedFile:
    """A refusal that says where and names the way out."""
    where = "" if offset is None else f" (at byte {offset})"
    return MalformedFile(f"{reason}{where}", hint=OPAQUE)


def read_directory(file: Readable, size: int) -> tuple[Entry, ...]:
    """The entries of a zip file of ``size`` bytes, in the order of its directory.

    Raises:
        MalformedFile: no zip file, a damaged one, or one with encrypted, duplicate or overlapping entries.
        LimitExceeded: more than ``limits.ZIP_ENTRIES`` entries.
    """
    start, length, count = _find_directory(file, size)
    if count > ZIP_ENTRIES:
        raise LimitExceeded(
            f"the zip directory names {count} entries, more than {ZIP_ENTRIES}", hint=OPAQUE
        )
    if count * _CENTRAL.size > length:
        raise malformed(f"the zip directory is too short for {count} entries", start)
    directory = _read(file, start, length)
    entries: list[Entry] = []
    names: set[str] = set()
    position = 0
    for _ in range(count):
        entry, position = _read_entry(file, directory, position, start)
        if entry.name in names:
            raise malformed(f"two zip entries are named {entry.name!r}", entry.header)
        names.add(entry.name)
        entries.append(entry)
    if position != length:
        raise malformed("bytes are left over after the last zip entry", start + position)
    _check_disjoint(entries, start)
    return tuple(entries)


def read_content(file: Readable, entry: Entry, limit: int) -> bytes:
    """The inflated bytes of ``entry``, checked against its CRC.

    A CRC of 0 is taken as "not recorded", which is what ``torch.save`` writes after
    ``torch.serialization.set_crc32_options(False)``.

    Raises:
        MalformedFile: wrong length or CRC, or a compression method that is neither stored nor deflate.
        LimitExceeded: the content is larger than ``limit``.
    """
    if entry.length > limit or entry.stored > limit:
        raise LimitExceeded(
            f"{entry.name!r} has {entry.length} bytes, more than {limit}", hint=OPAQUE
        )
    content = _read(file, entry.offset, entry.stored)
    if entry.method == DEFLATED:
        content = _inflate(content, entry)
    elif entry.method != STORED:
        raise malformed(f"{entry.name!r} has the compression method {entry.method}", entry.offset)
    if entry.crc and zlib.crc32(content) != entry.crc:
        raise malformed(f"the CRC of {entry.name!r} is wrong", entry.offset)
    return content


def _inflate(content: bytes, entry: Entry) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflated = inflater.decompress(content, entry.length + 1)
    except zlib.error as error:
        raise malformed(f"{entry.name!r} can't be inflated: {error}", entry.offset) from error
    if not inflater.eof or len(inflated) != entry.length:
        raise malformed(f"{entry.name!r} does not inflate to {entry.length} bytes", entry.offset)
    return inflated


def _find_directory(file: Readable, size: int) -> tuple[int, int, int]:
    """Offset and length of the central directory, and the number of its entries."""
    end = max(0, size - _END.size)
    fields = _END.unpack(_read(file, end, _END.size))
    if fields[0] != b"PK\x05\x06" or fields[7]:
        # torch writes no archive comment. Looking for one would mean to read backwards into the tensors.
        raise malformed("no zip end record at its end: the file is cut off, or no zip file", end)
    _, disk, first_disk, here, count, length, start, _ = fields
    if disk or first_disk or here != count:
        raise malformed("the zip file has several parts", end)
    end64 = _find_end64(file, end)
    if end64 is not None:
        end, count64, length64, start64 = end64
        told = ((count, count64, _MANY), (length, length64, _IN_ZIP64), (start, start64, _IN_ZIP64))
        if any(short not in (full, saturated) for short, full, saturated in told):
            raise malformed("the two zip end records disagree", end)
        count, length, start = count64, length64, start64
    if start + length != end:
        raise malformed("the zip directory does not end at its end record", end)
    return start, length, count


def _find_end64(file: Readable, end: int) -> tuple[int, int, int, int] | None:
    """Of the zip64 end record before the end record at ``end``: offset, entries, length, start."""
    at = end - _END64_LOCATOR.size
    if at < 0:
        return None
    signature, disk, record, disks = _END64_LOCATOR.unpack(_read(file, at, _END64_LOCATOR.size))
    if signature != b"PK\x06\x07":
        return None
    if disk or disks > 1 or record + _END64.size > at:
        raise malformed("the zip64 locator points outside the file", at)
    fields = _END64.unpack(_read(file, record, _END64.size))
    signature, remaining, _, _, disk, first_disk, here, count, length, start = fields
    if signature != b"PK\x06\x06" or record + 12 + remaining != at:
        raise malformed("the zip64 end record is damaged", record)
    if disk or first_disk or here != count:
        raise malformed("the zip file has several parts", record)
    return record, count, length, start


def _read_entry(file: Readable, directory: bytes, position: int, start: int) -> tuple[Entry, int]:
    """The entry at ``position`` of the directory, and the next position."""
    at = start + position
    if position + _CENTRAL.size > len(directory):
        raise malformed("the zip directory is cut off", at)
    fields = _CENTRAL.unpack_from(directory, position)
    signature, _, _, flags, method, _, _, crc, stored, length = fields[:10]
    name_length, extra_length, comment_length, disk, _, _, header = fields[10:]
    if name_length > PATH:
        raise LimitExceeded(f"a zip entry's name is longer than {PATH} bytes", hint=OPAQUE)
    after = position + _CENTRAL.size + name_length + extra_length + comment_length
    if signature != b"PK\x01\x02" or after > len(directory):
        raise malformed("the zip directory is damaged", at)
    if flags & _ENCRYPTED or method == 99:
        raise malformed("the zip file is encrypted", at)
    name_end = position + _CENTRAL.size + name_length
    raw_name = directory[name_end - name_length : name_end]
    extra = directory[name_end : name_end + extra_length]
    length, stored, header, disk = _widen(extra, (length, stored, header, disk), at)
    if disk:
        raise malformed("the zip file has several parts", at)
    offset = _data_offset(file, header, raw_name, method, flags, start)
    if offset + stored > start:
        raise malformed("a zip entry reaches into the directory", header)
    if method == STORED and stored != length:
        raise malformed("a stored zip entry has two sizes", header)
    name = _decode(raw_name, flags, at)
    return Entry(name, method, crc, offset, stored, length, flags, header, at), after


def _widen(extra: bytes, values: tuple[int, int, int, int], at: int) -> tuple[int, int, int, int]:
    """Length, stored length, header offset and disk, with the zip64 field's where they are saturated."""
    length, stored, header, disk = values
    if _IN_ZIP64 not in (length, stored, header) and disk != _MANY:
        return values
    field = _extra_field(extra, 0x0001, at)
    position = 0

    def take(width: int) -> int:
        nonlocal position
        position += width
        if position > len(field):
            raise malformed("the zip64 field of an entry is too short", at)
        return int.from_bytes(field[position - width : position], "little")

    length = take(8) if length == _IN_ZIP64 else length
    stored = take(8) if stored == _IN_ZIP64 else stored
    header = take(8) if header == _IN_ZIP64 else header
    disk = take(4) if disk == _MANY else disk
    return length, stored, header, disk


def _extra_field(extra: bytes, wanted: int, at: int) -> bytes:
    position = 0
    while position + _EXTRA.size <= len(extra):
        kind, length = _EXTRA.unpack_from(extra, position)
        position += _EXTRA.size
        if position + length > len(extra):
            raise malformed("the extra field of a zip entry is damaged", at)
        if kind == wanted:
            return extra[position : position + length]
        position += length
    return b""


def _data_offset(
    file: Readable, header: int, raw_name: bytes, method: int, flags: int, limit: int
) -> int:
    """Where the data of the entry with the local header at ``header`` begins."""
    if header + _LOCAL.size + len(raw_name) > limit:
        raise malformed("a zip entry's header lies outside the file", header)
    head = _read(file, header, _LOCAL.size + len(raw_name))
    fields = _LOCAL.unpack_from(head)
    signature, _, local_flags, local_method = fields[:4]
    name_length: int = fields[9]
    extra_length: int = fields[10]
    if signature != b"PK\x03\x04":
        raise malformed("no zip entry where the directory says one is", header)
    if head[_LOCAL.size :] != raw_name or name_length != len(raw_name) or local_method != method:
        raise malformed("a zip entry's header and the directory disagree", header)
    if (local_flags ^ flags) & (_ENCRYPTED | SIZES_FOLLOW):
        raise malformed("a zip entry's header and the directory disagree", header)
    return header + _LOCAL.size + name_length + extra_length


def _decode(raw_name: bytes, flags: int, at: int) -> str:
    try:
        name = raw_name.decode("utf-8" if flags & _UTF8 else "cp437")
    except UnicodeDecodeError as error:
        raise malformed("a zip entry's name is not UTF-8", at) from error
    if not name or "\0" in name:
        raise malformed("a zip entry's name is empty or has a NUL", at)
    return name


def _check_disjoint(entries: list[Entry], limit: int) -> None:
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header):
        if entry.header < end or entry.offset + entry.stored > limit:
            raise malformed(f"the zip entry {entry.name!r} overlaps another", entry.header)
        end = entry.offset + entry.stored


def _read(file: Readable, offset: int, length: int) -> bytes:
    file.seek(offset)
    data = file.read(length)
    if len(data) != length:
        raise malformed("the file ends early", offset + len(data))
    return data
