"""Codec 3: what changed against a base, coded given the base's exponents.

Between two versions of a weight the difference of their places in the order of floats is small, and how small
depends on the exponent: a step of training moves a small weight over more floats than a large one. The
decoder has the base, so coding each difference by the table of its base's exponent costs nothing but tables.
On fine-tuned BF16 this comes within 3 % of the entropy, a quarter below zstd on the planes of an XOR.

A *word* is as in ``planes``; a float's difference is of places in the order of floats, an integer's of
values; both wrap, and are turned into zigzag. A *token* is a difference below 16, or else its highest bit
and the two below it; the bits below those are *extra*. A word's *context* is a group of values of the high
byte of the base's word (rotated, for floats): in ascending order, a group ends with the value that
brings it to a 32nd of the words. Both sides can tell the groups from the base.

Payload: u8 log2 of the lanes; u8 number of tables; u8 highest token; u8 0; u32 length of the coded tables;
u32 length of the extra bits; the tables: one zstd frame of a u16 frequency for each table and token; the
extra bits, from the lowest bit up; the lanes' states (u32) and the words (u16) of the tokens' rANS; the tail
of the frame that fills no word. Source of the coder: ``mvc/store/kernel/coding.py``.
"""

from __future__ import annotations

import struct
import threading

import zstandard

from mvc.errors import CorruptPack
from mvc.limits import FRAME
from mvc.store.codecs.planes import shape
from mvc.store.codecs.zstd import unpack
from mvc.store.kernel import kernel
from mvc.store.kernel.coding import MARGIN, MOST_TABLES, PROBABILITY, Tables, coder

_HEAD = struct.Struct("<BBBBII")
#: From so many words on a frame has many lanes; their final states take 256 bytes.
_MANY_FROM = 4096
_MANY, _FEW = 6, 3


class _Scratch(threading.local):
    def __init__(self) -> None:
        self.words = memoryview(bytearray(FRAME))
        self.plane = memoryview(bytearray(FRAME))
        self.contexts = memoryview(bytearray(FRAME))
        self.zeros = memoryview(bytes(FRAME))
        self.tokens = memoryview(bytearray(FRAME))
        self.extra = memoryview(bytearray(FRAME + MARGIN))
        self.coded = memoryview(bytearray(FRAME))
        self.compressor = zstandard.ZstdCompressor(level=3, write_checksum=False)


_local = _Scratch()


def encode(
    raw: memoryview, param: int, out: memoryview, base: memoryview | None = None
) -> int | None:
    """The differences to ``base``, which has the frame's length; None when that gains nothing."""
    width, ordered = shape(param)
    count = len(raw) // width
    if base is None or count == 0:
        return None
    whole = count * width
    words, tokens = _local.words[:whole], _local.tokens[:count]
    coder().difference(raw[:whole], base[:whole], width, ordered, words)
    used = coder().tokens(words, width, tokens, _local.extra[: whole + 8])
    contexts, groups = _contexts(base[:whole], width, ordered, count)
    tables = [_table(found) for found in coder().counts(tokens, contexts, groups)]
    lanes = _MANY if count >= _MANY_FROM else _FEW
    highest = max(token for table in tables for token in range(256) if table[token])
    flat = [value for table in tables for value in table[: highest + 1]]
    stored = _local.compressor.compress(struct.pack(f"<{len(flat)}H", *flat))
    head = _HEAD.pack(lanes, groups, highest, 0, len(stored), used)
    tail = raw[whole:]
    room = len(raw) - 1 - len(head) - len(stored) - used - len(tail)
    coded = _local.coded[: max(room, 0)]
    length = coder().encode(tokens, contexts, tables, 1 << lanes, coded)
    if length is None:
        return None
    position = 0
    for part in (head, stored, _local.extra[:used], coded[len(coded) - length :], tail):
        out[position : position + len(part)] = part
        position += len(part)
    return position


def decode(
    payload: memoryview, param: int, out: memoryview, base: memoryview | None = None
) -> None:
    """Inverse of ``encode``.

    Raises:
        CorruptPack: no base of the frame's length, or no payload that ``encode`` writes.
    """
    width, ordered = shape(param)
    count = len(out) // width
    whole = count * width
    if base is None or len(base) != len(out):
        raise CorruptPack("a delta payload lacks its base")
    tail = len(out) - whole
    if len(payload) < _HEAD.size + tail:
        raise CorruptPack("a delta payload ends inside its head")
    lanes, groups, highest, zero, size, used = _HEAD.unpack_from(payload)
    start = _HEAD.size + size
    end = len(payload) - tail
    if zero or lanes not in (_MANY, _FEW) or start + used + (4 << lanes) > end:
        raise CorruptPack("a delta payload is shorter than its parts")
    contexts, expected = _contexts(base[:whole], width, ordered, count)
    if groups != expected:
        raise CorruptPack(f"a delta payload has {groups} tables, its base {expected}")
    tables = _tables(payload[_HEAD.size : start], groups, highest)
    tokens, words = _local.tokens[:count], _local.words[:whole]
    data = payload[start + used : end]
    if not coder().decode(data, contexts, tables, 1 << lanes, tokens):
        raise CorruptPack("a delta payload's tokens can't be decoded")
    if not coder().words(tokens, payload[start:], used, width, words):
        raise CorruptPack("a delta payload's extra bits don't fit its tokens")
    coder().restore(words, base[:whole], width, ordered, out[:whole])
    out[whole:] = payload[end:]


def _contexts(base: memoryview, width: int, ordered: bool, count: int) -> tuple[memoryview, int]:
    """The context of each word, in scratch of this thread, and how many there are."""
    plane, contexts = _local.plane[:count], _local.contexts[:count]
    kernel().plane(base, width, 0, ordered, plane)
    (histogram,) = coder().counts(plane, _local.zeros[:count], 1)
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
        raise CorruptPack("a delta payload has a table of another sum")
    return tables
