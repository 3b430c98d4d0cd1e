"""The entries of a Git pack: bytes to objects, each step refusing what does not fit.

Pure functions over a pack's bytes, which may be damaged or hostile: an offset may lie anywhere, a size may
lie. Source: Git's ``Documentation/gitformat-pack.txt``.
"""

from __future__ import annotations

import hashlib
import mmap
import zlib
from typing import NamedTuple

from mvc.limits import WHOLE_OBJECT

#: How an index of version 2 begins.
INDEX_MAGIC = b"\xfftOc\0\0\0\2"
#: What an entry without a base is.
KINDS = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}
_BY_OFFSET, _BY_ID = 6, 7
_PIECE = 64 * 1024

Data = bytes | mmap.mmap


class Entry(NamedTuple):
    """Kind, declared size, and where its deflated bytes begin; of a delta its base's offset or id."""

    kind: int
    size: int
    data: int
    base: int | bytes | None


def entry_at(data: Data, offset: int) -> Entry | None:
    """The entry whose header is at ``offset``; None where none can be."""
    at = offset
    if offset < 0:
        return None
    try:
        byte = data[at]
        kind, size, shift = byte >> 4 & 7, byte & 15, 4
        while byte & 128:
            at += 1
            byte = data[at]
            size |= (byte & 127) << shift
            shift += 7
        at += 1
        base: int | bytes | None = None
        if kind == _BY_ID:
            base, at = bytes(data[at : at + 20]), at + 20
        elif kind == _BY_OFFSET:
            byte = data[at]
            back = byte & 127
            while byte & 128:
                at += 1
                byte = data[at]
                back = (back + 1 << 7) | byte & 127
            base, at = offset - back, at + 1
        elif kind not in KINDS:
            return None
    except IndexError:
        return None
    return None if size > WHOLE_OBJECT else Entry(kind, size, at, base)


def inflated(data: Data, entry: Entry) -> tuple[bytes, int] | None:
    """The bytes of an entry, and where they end; None unless they are as many as it declares."""
    stream = zlib.decompressobj()
    parts: list[bytes] = []
    done, at = 0, entry.data
    try:
        while not stream.eof:
            piece = data[at : at + _PIECE]
            if not piece:
                return None
            parts.append(stream.decompress(piece, entry.size + 1 - done))
            done += len(parts[-1])
            if done > entry.size or stream.unconsumed_tail:
                return None
            at += len(piece)
    except zlib.error:
        return None
    return (b"".join(parts), at - len(stream.unused_data)) if done == entry.size else None


def applied(base: bytes, delta: bytes) -> bytes | None:
    """What ``delta`` makes of ``base``; None when it does not fit."""
    try:
        expected, at = _number(delta, 0)
        size, at = _number(delta, at)
        if expected != len(base) or size > WHOLE_OBJECT:
            return None
        parts: list[bytes] = []
        while at < len(delta):
            code = delta[at]
            at += 1
            if code & 128:
                values = [0, 0]
                for which, count in ((0, 4), (1, 3)):
                    for n in range(count):
                        if code >> (which * 4 + n) & 1:
                            values[which] |= delta[at] << 8 * n
                            at += 1
                start, length = values[0], values[1] or 0x10000
                parts.append(base[start : start + length])
            elif code:
                parts.append(delta[at : at + code])
                at += code
            else:
                return None
    except IndexError:
        return None
    body = b"".join(parts)
    return body if len(body) == size else None


def _number(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if not byte & 128:
            return value, at


def digest(kind: str, body: bytes) -> bytes:
    """An object's id."""
    whole = b"%s %d\0%s" % (kind.encode(), len(body), body)
    return hashlib.sha1(whole, usedforsecurity=False).digest()
