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
from mvc.store.kernel.coding import MOST_TABLES, PROBABILITY, Tables, coder
from mvc.store.workers import Buffers

_HEAD = struct.Struct("<BBBBI")
#: From so many words on a frame has many lanes; their final states take 256 bytes.
_MANY_FROM = 4096
_MANY, _FEW = 6, 3


_plane, _contexts_of_words, _coded = Buffers(), Buffers(), Buffers()


class _Compressor(threading.local):
    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=3, write_checksum=False)


_local = _Compressor()


def write(
    tokens: memoryview, base: memoryview, width: int, ordered: bool, out: memoryview
) -> int | None:
    """A section into ``out``, for the words of ``base``; its length, or None when it does not fit."""
    contexts, groups = _contexts(base, width, ordered, len(tokens))
    tables = [_table(found) for found in coder().counts(tokens, contexts, groups)]
    highest = max(token for table in tables for token in range(256) if table[token])
    flat = [value for table in tables for value in table[: highest + 1]]
    stored = _local.compressor.compress(struct.pack(f"<{len(flat)}H", *flat))
    lanes = _MANY if len(tokens) >= _MANY_FROM else _FEW
    head = _HEAD.pack(lanes, groups, highest, 0, len(stored)) + stored
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
    contexts, expected = _contexts(base, width, ordered, len(tokens))
    if groups != expected:
        raise CorruptPack(f"coded tokens have {groups} tables, their base {expected}")
    tables = _tables(section[_HEAD.size : start], groups, highest)
    if not coder().decode(section[start:], contexts, tables, 1 << lanes, tokens):
        raise CorruptPack("coded tokens can't be decoded")


def _contexts(base: memoryview, width: int, ordered: bool, count: int) -> tuple[memoryview, int]:
    """The context of each word, in scratch of this thread, and how many there are."""
    plane, contexts = _plane.take(count), _contexts_of_words.take(count)
    kernel().plane(base, width, 0, ordered, plane)
    histogram = coder().histogram(plane)
    groups = bytearray(256)
    group = members = seen = 0
    for value, number in enumerate(histogram):
        groups[value] = group
        members, seen = members + number, seen + number
        if members * MOST_TABLES >= count > seen:
            group, members = group + 1, 0
    coder().translate(plane, bytes(groups), contexts)
    return contexts, group + 1


def _table(counts: list[int]) -> list[int]:
    """Frequencies that sum up to ``PROBABILITY``, at least 1 for each token that comes."""
    total = sum(counts)
    table = [max(1, (n * PROBABILITY + total // 2) // total) if n else 0 for n in counts]
    while (wrong := PROBABILITY - sum(table)) != 0:
        most = table.index(max(table))
        table[most] += max(wrong, 1 - table[most])
    return table


def _tables(stored: memoryview, groups: int, highest: int) -> Tables:
    each = highest + 1
    flat = struct.unpack(f"<{groups * each}H", unpack(stored, 2 * groups * each))
    rest = [0] * (256 - each)
    tables = [[*flat[start : start + each], *rest] for start in range(0, len(flat), each)]
    if any(sum(table) != PROBABILITY for table in tables):
        raise CorruptPack("a table of coded tokens has another sum")
    return tables
