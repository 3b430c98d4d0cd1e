"""Codec 1: byte planes, each entropy-coded where that gains.

Words of 1, 2, 4 or 8 bytes; in signed floats the sign is rotated to the bottom, so that the top plane
of a BF16 is its pure exponent: 2.6 bits a byte in trained weights, while the mantissa is noise. Planes
are laid out from the high-order one down. A plane is kept plain, or coded by zstd held to its Huffman
stage: matches that zstd finds in noise cost more than Huffman literals, and finding them costs most of
the time.

An exponent plane is *paired* first: nearly all of it lies in a window of 15 values, so two exponents fit
a byte. Half the symbols halve the time of the Huffman stage (a third of the whole encoder's), and a code
for two wastes less of its last bit than two codes. Strays outside the window are listed.

Payload: for each plane a mode byte and a u32 of its stored length; the planes; the tail of the frame
that fills no word. A paired plane: u8 lowest value of the window, u32 number of strays, their u8 values
in order, one zstd frame of the pairs (the earlier value in the low nibble; 15 stands for a stray).
"""

from __future__ import annotations

import struct
import threading

import zstandard

from mvc.errors import CorruptPack
from mvc.store.codecs import ROTATED
from mvc.store.codecs.zstd import unpack
from mvc.store.kernel import kernel
from mvc.store.workers import Buffers

_PLANE = struct.Struct("<BI")
_PAIRED_HEAD = struct.Struct("<BI")
_PLAIN, _CODED, _PAIRED = 0, 1, 2
_WIDTHS = (1, 2, 4, 8)
#: Pairing pays from this many exponents on.
_PAIRED_FROM = 2048

#: A plane larger than this is sampled before it is coded; sixteen slices see padding and mixed
#: rows.
_PROBE = 32 * 1024
_SLICES = 16
#: The sample must shrink to this share. Measured: mantissas stay at 1.0, exponents reach 0.33.
_WORTH = 0.985

_HUFFMAN = zstandard.ZstdCompressionParameters(
    strategy=zstandard.STRATEGY_FAST,
    window_log=17,
    hash_log=6,
    chain_log=6,
    search_log=1,
    min_match=7,
    target_length=0,
    write_content_size=1,
    write_checksum=0,
    write_dict_id=0,
)


class _Scratch(threading.local):
    def __init__(self) -> None:
        self.sample = memoryview(bytearray(_PROBE))
        self.compressor = zstandard.ZstdCompressor(compression_params=_HUFFMAN)


_local = _Scratch()
_planes, _pairs = Buffers(), Buffers()


def encode(
    raw: memoryview, param: int, out: memoryview, base: memoryview | None = None
) -> int | None:
    """Split, code what gains; None when no plane does."""
    width, rotated = shape(param)
    count = len(raw) // width
    if count == 0:
        return None
    tail = len(raw) % width
    position = width * _PLANE.size
    for number in range(width):
        # Where it goes if it stays plain, as most do; the planes before it gained the room.
        room = out[position : position + count]
        plane = room if len(room) == count else _planes.take(count)
        kernel().plane(raw, width, number, rotated, plane)
        mode, parts = _coded(plane, exponents=rotated and number == 0)
        length = sum(map(len, parts))
        if position + length + tail >= len(raw):
            return None
        _PLANE.pack_into(out, number * _PLANE.size, mode, length)
        for part in parts:
            if part is not room:
                # A memoryview would hold the interpreter lock while it copies.
                kernel().copy(memoryview(part), out[position : position + len(part)])
            position += len(part)
    out[position : position + tail] = raw[count * width :]
    return position + tail


def decode(
    payload: memoryview, param: int, out: memoryview, base: memoryview | None = None
) -> None:
    """Put the planes together again.

    Raises:
        CorruptPack: a length, mode or parameter that ``encode`` never writes.
    """
    width, rotated = shape(param)
    count = len(out) // width
    position = width * _PLANE.size
    if len(payload) < position:
        raise CorruptPack("a planes payload ends inside its table")
    planes = []
    for number in range(width):
        mode, length = _PLANE.unpack_from(payload, number * _PLANE.size)
        stored = payload[position : position + length]
        planes.append(_plane(stored, mode, length, count, exponents=number == 0))
        position += length
    if count:
        kernel().join(planes, width, rotated, out)
    tail = payload[position:]
    if len(tail) != len(out) % width:
        raise CorruptPack(f"a planes payload has a tail of {len(tail)} bytes")
    out[count * width :] = tail


def shape(param: int) -> tuple[int, bool]:
    """Width of the words in bytes, and whether they are rotated.

    Raises:
        CorruptPack: no such parameter.
    """
    width = param & 0x0F
    if width not in _WIDTHS or param & ~(0x0F | ROTATED):
        raise CorruptPack(f"planes parameter {param} is unknown")
    return width, bool(param & ROTATED)


def _coded(plane: memoryview, *, exponents: bool) -> tuple[int, tuple[bytes | memoryview, ...]]:
    """Mode and stored form of a plane, which stays plain when coding gains nothing."""
    if exponents and len(plane) >= _PAIRED_FROM:
        pairs = _pairs.take((len(plane) + 1) // 2)
        paired = kernel().pair(plane, pairs)
        if paired is not None:
            head = _PAIRED_HEAD.pack(paired.low, len(paired.strays)) + paired.strays
            coded = _local.compressor.compress(pairs)
            if len(head) + len(coded) < len(plane):
                return _PAIRED, (head, coded)
    if len(plane) <= _PROBE or _probe(plane):
        coded = _local.compressor.compress(plane)
        if len(coded) < len(plane):
            return _CODED, (coded,)
    return _PLAIN, (plane,)


def _probe(plane: memoryview) -> bool:
    size, step = _PROBE // _SLICES, len(plane) // _SLICES
    for number in range(_SLICES):
        part = plane[number * step : number * step + size]
        _local.sample[number * size : (number + 1) * size] = part
    return len(_local.compressor.compress(_local.sample)) < _PROBE * _WORTH


def _plane(
    stored: memoryview, mode: int, length: int, count: int, *, exponents: bool
) -> memoryview:
    """Inverse of ``_coded``; a paired plane is scratch of this thread."""
    if len(stored) != length:
        raise CorruptPack("a planes payload ends inside a plane")
    if mode == _PLAIN and length == count:
        return stored
    if mode == _CODED:
        return memoryview(unpack(stored, count))
    if mode == _PAIRED and exponents:
        return _unpaired(stored, count)
    raise CorruptPack(f"a planes payload has a plane of mode {mode} and length {length}")


def _unpaired(stored: memoryview, count: int) -> memoryview:
    if len(stored) < _PAIRED_HEAD.size:
        raise CorruptPack("a paired plane ends inside its head")
    low, given = _PAIRED_HEAD.unpack_from(stored)
    strays = stored[_PAIRED_HEAD.size : _PAIRED_HEAD.size + given]
    pairs = unpack(stored[_PAIRED_HEAD.size + given :], (count + 1) // 2)
    plane = _planes.take(count)
    marked = kernel().unpair(memoryview(pairs), low, strays, plane)
    if marked != len(strays):
        raise CorruptPack(f"a paired plane has {marked} strays and {len(strays)} values")
    return plane
