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
from collections.abc import Iterator

import zstandard

from mvc.errors import CorruptPack
from mvc.store.codecs import ROTATED, Place
from mvc.store.codecs.zstd import unpack
from mvc.store.kernel import kernel
from mvc.store.memory import copy, equal
from mvc.store.workers import Buffers

_PLANE = struct.Struct("<BI")
_PAIRED_HEAD = struct.Struct("<BI")
_PLAIN, _CODED, _PAIRED = 0, 1, 2
_WIDTHS = (1, 2, 4, 8)
#: Pairing pays from this many exponents on.
_PAIRED_FROM = 2048

#: Planes of up to this size are taken all at once.
_SMALL = 1024

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
#: A plane's mode, and the parts of what is stored of it.
Stored = tuple[int, tuple[bytes | memoryview, ...]]
_planes, _pairs, _back = Buffers(), Buffers(), Buffers()


def encode(
    raw: memoryview,
    param: int,
    out: memoryview,
    base: memoryview | None = None,
    place: Place | None = None,
) -> int | None:
    """Split, code what gains; None when no plane does."""
    width, rotated = shape(param)
    count = len(raw) // width
    if count == 0:
        return None
    tail = len(raw) % width
    position = width * _PLANE.size
    for number, (mode, parts) in enumerate(_stored(raw, width, rotated, count)):
        length = sum(map(len, parts))
        if position + length + tail >= len(raw):
            return None
        _PLANE.pack_into(out, number * _PLANE.size, mode, length)
        for part in parts:
            copy(memoryview(part), out[position : position + len(part)])
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
    parts, tail = _parts(payload, width, len(out))
    if _in_pairs(parts, width, rotated):
        plane = _plane(*parts[1], count)
        pairs, low, strays = _unpacked(parts[0][1], count)
        marked = kernel().join_pairs(pairs, low, strays, plane, out[: 2 * count])
        _check_strays(marked, strays)
    elif count:
        planes = [_plane(*part, count, exponents=part is parts[0]) for part in parts]
        kernel().join(planes, width, rotated, out)
    out[count * width :] = tail


def matches(payload: memoryview, param: int, raw: memoryview) -> bool:
    """Whether ``decode`` would give these bytes: proven word by word as they are put together, without
    writing them anywhere.

    Raises:
        CorruptPack: see ``decode``.
    """
    width, rotated = shape(param)
    count = len(raw) // width
    parts, tail = _parts(payload, width, len(raw))
    if not _in_pairs(parts, width, rotated):
        back = _back.take(len(raw))
        decode(payload, param, back)
        return equal(raw, back)
    plane = _plane(*parts[1], count)
    pairs, low, strays = _unpacked(parts[0][1], count)
    marked = kernel().match_pairs(pairs, low, strays, plane, raw[: 2 * count])
    if marked is None:
        return False
    _check_strays(marked, strays)
    return tail == raw[2 * count :]


def _parts(
    payload: memoryview, width: int, length: int
) -> tuple[list[tuple[int, memoryview]], memoryview]:
    """Mode and stored form of each plane, and the tail of a frame of ``length`` bytes."""
    position = width * _PLANE.size
    if len(payload) < position:
        raise CorruptPack("a planes payload ends inside its table")
    parts = []
    for number in range(width):
        mode, size = _PLANE.unpack_from(payload, number * _PLANE.size)
        parts.append((mode, payload[position : position + size]))
        if len(parts[-1][1]) != size:
            raise CorruptPack("a planes payload ends inside a plane")
        position += size
    tail = payload[position:]
    if len(tail) != length % width:
        raise CorruptPack(f"a planes payload has a tail of {len(tail)} bytes")
    return parts, tail


def _in_pairs(parts: list[tuple[int, memoryview]], width: int, rotated: bool) -> bool:
    """Whether these are 16-bit words with paired exponents: the usual case, which has a pass of its own."""
    return width == 2 and rotated and parts[0][0] == _PAIRED


def shape(param: int) -> tuple[int, bool]:
    """Width of the words in bytes, and whether they are rotated.

    Raises:
        CorruptPack: no such parameter.
    """
    width = param & 0x0F
    if width not in _WIDTHS or param & ~(0x0F | ROTATED):
        raise CorruptPack(f"planes parameter {param} is unknown")
    return width, bool(param & ROTATED)


def _stored(raw: memoryview, width: int, rotated: bool, count: int) -> Iterator[Stored]:
    """Each plane's stored form, good until the next one is asked for."""
    plane, first = _planes.take(count), 0
    paired = _paired(raw, width, plane) if rotated and count >= _PAIRED_FROM else None
    if paired is not None:
        yield paired
        first = 1
        if width == 2:
            yield _coded(plane)
            return
    if count <= _SMALL:
        planes = _planes.take(width * count)
        kernel().split(raw, width, rotated, planes)
        for number in range(width):
            yield _coded(planes[number * count : (number + 1) * count])
        return
    for number in range(first, width):
        kernel().plane(raw, width, number, rotated, plane)
        yield _coded(plane)


def _paired(raw: memoryview, width: int, plane: memoryview) -> Stored | None:
    """The plane of exponents in pairs, where that gains; 16-bit words then have their other in ``plane``."""
    count = len(plane)
    pairs = _pairs.take((count + 1) // 2)
    if width == 2:  # one pass in place of three
        found = kernel().split_pairs(raw, pairs, plane)
    else:
        kernel().plane(raw, width, 0, True, plane)
        found = kernel().pair(plane, pairs)
    if found is None:
        return None
    head = _PAIRED_HEAD.pack(found.low, len(found.strays)) + found.strays
    coded = _local.compressor.compress(pairs)
    return (_PAIRED, (head, coded)) if len(head) + len(coded) < count else None


def _coded(plane: memoryview) -> Stored:
    """Stored form of a plane, which stays plain when coding gains nothing."""
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


def _plane(mode: int, stored: memoryview, count: int, *, exponents: bool = False) -> memoryview:
    """Inverse of ``_coded``; a paired plane is scratch of this thread."""
    if mode == _PLAIN and len(stored) == count:
        return stored
    if mode == _CODED:
        return memoryview(unpack(stored, count))
    if mode == _PAIRED and exponents:
        pairs, low, strays = _unpacked(stored, count)
        plane = _planes.take(count)
        _check_strays(kernel().unpair(pairs, low, strays, plane), strays)
        return plane
    raise CorruptPack(f"a planes payload has a plane of mode {mode} and length {len(stored)}")


def _unpacked(stored: memoryview, count: int) -> tuple[memoryview, int, memoryview]:
    """Pairs, lowest value of the window and strays of a paired plane."""
    if len(stored) < _PAIRED_HEAD.size:
        raise CorruptPack("a paired plane ends inside its head")
    low, given = _PAIRED_HEAD.unpack_from(stored)
    strays = stored[_PAIRED_HEAD.size : _PAIRED_HEAD.size + given]
    pairs = unpack(stored[_PAIRED_HEAD.size + given :], (count + 1) // 2)
    return memoryview(pairs), low, strays


def _check_strays(marked: int, strays: memoryview) -> None:
    if marked != len(strays):
        raise CorruptPack(f"a paired plane has {marked} strays and {len(strays)} values")
