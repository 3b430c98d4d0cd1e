"""A file without its tensors: every byte outside the storages, and the table of where those were.

Owns the skeleton's value, its encoding (``docs/reference/skeleton-format.md``) and the cut that makes one.
The law: ``Skeleton.decode(s.encode()) == s``, and a file is its skeleton's literal bytes with each span
filled in again. It must not know what a header means, nor where the spans' bytes are kept: a skeleton
holds no ids, so files that differ in their weights alone have one and the same skeleton.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from mvc import limits
from mvc.errors import CorruptPack, LimitExceeded, MalformedFile, MvcError
from mvc.formats.layout import Layout, Storage
from mvc.values import dataclass

MAGIC = b"MVCSKEL1"
_HEAD = struct.Struct("<QI")
_SPAN = struct.Struct("<QQI")


@dataclass(frozen=True, slots=True)
class Skeleton:
    """``size`` of the whole file in bytes; ``spans`` sorted by offset; ``literal``: all other bytes.

    Raises:
        MalformedFile: the spans overlap, leave the file, share a key or don't add up with ``literal``.
    """

    size: int
    spans: tuple[Storage, ...]
    literal: bytes

    def __post_init__(self) -> None:
        if problem := _problem(self):
            raise MalformedFile(f"no file has this skeleton: {problem}")

    def encode(self) -> bytes:
        """Little-endian: magic, u64 size, u32 count, per span u64 offset, u64 length, u32 key length
        and the key in UTF-8; then the literal bytes."""
        parts = [MAGIC, _HEAD.pack(self.size, len(self.spans))]
        for span in self.spans:
            key = span.key.encode()
            parts += (_SPAN.pack(span.offset, span.length, len(key)), key)
        parts.append(self.literal)
        return b"".join(parts)

    @staticmethod
    def decode(data: bytes) -> Skeleton:
        """The skeleton that ``encode`` gave ``data`` for.

        Raises:
            CorruptPack: ``data`` is no skeleton.
        """
        try:
            return _decode(data)
        except (struct.error, UnicodeDecodeError, MalformedFile) as error:
            raise CorruptPack(
                f"a stored skeleton is damaged: {error}", hint="mvc fsck --full"
            ) from error

    def pieces(self) -> Iterator[Storage | tuple[int, memoryview]]:
        """The file from front to back: spans to fill, and (offset, literal bytes) between them."""
        literal = memoryview(self.literal)
        position = 0
        for span in self.spans:
            gap = span.offset - position
            if gap:
                yield position, literal[:gap]
                literal = literal[gap:]
            yield span
            position = span.offset + span.length
        if literal:
            yield position, literal


def cut(file: BinaryIO, layout: Layout) -> Skeleton:
    """The skeleton of ``file``; reads nothing inside the storages.

    Raises:
        LimitExceeded: more than ``limits.SKELETON`` bytes lie outside the storages.
        MalformedFile: the storages overlap or leave the file.
        MvcError: the file became shorter meanwhile.
    """
    outside = layout.size - sum(storage.length for storage in layout.storages)
    if outside > limits.SKELETON:
        raise LimitExceeded(
            f"{outside} bytes of the file lie outside every tensor (the limit is {limits.SKELETON})",
            hint="mvc add --opaque FILE keeps it as plain bytes",
        )
    parts = []
    position = 0
    for offset, length in [*((s.offset, s.length) for s in layout.storages), (layout.size, 0)]:
        if offset > position:
            parts.append(_read(file, position, offset - position))
        position = max(position, offset + length)
    return Skeleton(layout.size, layout.storages, b"".join(parts))


def _read(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    data = file.read(length)
    if len(data) != length:
        raise MvcError(
            f"the file changed while it was read: it ends before byte {offset + length}",
            hint="let the program that writes it finish, then run the same command again",
        )
    return data


def _decode(data: bytes) -> Skeleton:
    if data[: len(MAGIC)] != MAGIC:
        raise MalformedFile("it does not begin with its magic")
    position = len(MAGIC)
    size, count = _HEAD.unpack_from(data, position)
    position += _HEAD.size
    spans = []
    for _ in range(count):  # a false count ends at the end of the data
        offset, length, key_length = _SPAN.unpack_from(data, position)
        position += _SPAN.size
        if key_length > len(data) - position:
            raise MalformedFile(f"the key at byte {position} is cut off")
        key = data[position : position + key_length].decode()
        position += key_length
        spans.append(Storage(key, offset, length))
    return Skeleton(size, tuple(spans), data[position:])


def _problem(skeleton: Skeleton) -> str | None:
    position = outside = 0
    for span in skeleton.spans:
        if span.length < 0 or span.offset < position:
            return f"the span {span.key!r} at byte {span.offset} overlaps the one before"
        outside += span.offset - position
        position = span.offset + span.length
    if position > skeleton.size or skeleton.size >= 2**64:
        return f"the spans end at byte {position} of {skeleton.size}"
    outside += skeleton.size - position
    if outside != len(skeleton.literal):
        return f"{outside} bytes lie outside the spans, {len(skeleton.literal)} are given"
    keys = [span.key for span in skeleton.spans]
    if len(set(keys)) != len(keys):
        return "two spans have the same key"
    try:
        "".join(keys).encode()
    except UnicodeEncodeError:
        return "a span's key is not valid Unicode"
    return None
