"""Tokens of a frame's words, coded given the base: what the codecs that stand on a base share.

A word's *context*, which says which table codes its token, is a group of values of the high byte of the base's
word (rotated, for floats). In ascending order a group takes value after value until it has a 32nd of
the words. Both sides can tell the groups from the base, so only the tables are written.

A section: u8 log2 of the lanes; u8 number of tables; u8 highest token; u8 0; u32 length of the coded tables;
the tables: one zstd frame of a u16 frequency for each table and token; then, to its end, the lanes' states
(u32) and the words (u16) of the tokens' rANS. Source of the coder: ``mvc/store/kernel/coding.py``.
"""

from __future__ import annotations

import struct
import threading

import zstandard

from mvc.errors import CorruptPack
from mvc.store.codecs.zstd import unpack
from mvc.store.kernel import kernel
from mvc.store.kernel.coding import Tables, coder
from mvc.store.workers import Buffers

_HEAD = struct.Struct("<BBBBI")
#: From so many words on a frame has many lanes; their final states take 256 bytes.
_MANY_FROM = 4096
_MANY, _FEW = 6, 3


_contexts, _coded = Buffers(), Buffers()


class _Compressor(threading.local):
    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=3, write_checksum=False)


_local = _Compressor()


def write(
    tokens: memoryview, base: memoryview, width: int, ordered: bool, out: memoryview
) -> int | None:
    """A section into ``out``, for the words of ``base``; its length, or None when it does not fit."""
    contexts = _contexts.take(len(tokens))
    groups = coder().contexts(base, width, ordered, contexts)
    tables = coder().tables(tokens, contexts, groups)
    stored = _local.compressor.compress(tables.frequencies)
    lanes = _MANY if len(tokens) >= _MANY_FROM else _FEW
    head = _HEAD.pack(lanes, groups, tables.each - 1, 0, len(stored)) + stored
    room = _coded.take(max(0, len(out) - len(head)))
    length = coder().encode(tokens, contexts, tables, 1 << lanes, room)
    if length is None:
        return None
    out[: len(head)] = head
    kernel().copy(room[len(room) - length :], out[len(head) : len(head) + length])
    return len(head) + length


def read(
    section: memoryview, base: memoryview, width: int, ordered: bool, tokens: memoryview
) -> None:
    """Inverse of ``write``: fill ``tokens``.

    Raises:
        CorruptPack: no section that ``write`` makes for this base.
    """
    if len(section) < _HEAD.size:
        raise CorruptPack("coded tokens end inside their head")
    lanes, groups, highest, zero, size = _HEAD.unpack_from(section)
    start = _HEAD.size + size
    if zero or lanes not in (_MANY, _FEW) or start + (4 << lanes) > len(section):
        raise CorruptPack("coded tokens are shorter than their parts")
    contexts = _contexts.take(len(tokens))
    expected = coder().contexts(base, width, ordered, contexts)
    if groups != expected:
        raise CorruptPack(f"coded tokens have {groups} tables, their base {expected}")
    each = highest + 1
    tables = Tables(each, unpack(section[_HEAD.size : start], 2 * groups * each))
    if not coder().decode(section[start:], contexts, tables, 1 << lanes, tokens):
        raise CorruptPack("coded tokens can't be decoded")
