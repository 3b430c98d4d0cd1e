"""Codec 8: a frame in which few words differ from its base's: where they are, and by how much.

``delta`` has a table for each group of exponents and a token for each word, so it spends 0.04 % of a frame of
which nothing changed, and says of each word of a changed row that it changed. Gaps between places say both in
less, five times as fast. Where changes are spread evenly and are more than one word in a thousand, ``delta`` is
smaller, as it knows which exponents change more often, and this codec stands back.

Words and their differences are as in ``delta``; parameter as there. Payload: u32 number of changed words; u32
length of the coded gaps; one zstd frame of the gaps (u32; the words between two changed ones) by byte planes,
the lowest first; one zstd frame of the differences' zigzag, the same way; the tail that fills no word.
"""

from __future__ import annotations

import math
import struct
import threading

import numpy as np
import zstandard

from mvc.errors import CorruptPack
from mvc.store.codecs import Place
from mvc.store.codecs.byte_planes import Numbers, joined, planes
from mvc.store.codecs.planes import shape
from mvc.store.codecs.zstd import unpack
from mvc.store.kernel import kernel
from mvc.store.kernel.coding import coder
from mvc.store.memory import put

_HEAD = struct.Struct("<II")
#: One word in so many may have changed.
_MOST = 8
#: Gaps must come to this share of what independent places take, or to so many bytes, which ``delta`` spends
#: on a frame that is the same.
_CLUSTERED = 0.9
_LITTLE = 320


class _Scratch(threading.local):
    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=3, write_checksum=False)


_local = _Scratch()


def encode(
    raw: memoryview,
    param: int,
    out: memoryview,
    base: memoryview | None = None,
    place: Place | None = None,
) -> int | None:
    """What changed; None when that is much, or nothing that lies together."""
    width, ordered = shape(param)
    count = len(raw) // width
    if base is None or count == 0:
        return None
    whole = count * width
    words, under = _words(raw, width, count), _words(base, width, count)
    changed = words != under
    number = int(np.count_nonzero(changed))
    if number * _MOST > count:
        return None
    places = np.flatnonzero(changed)
    gaps = (np.diff(places, prepend=-1) - 1).astype("<u4")
    where = _local.compressor.compress(planes(gaps))
    if len(where) > _CLUSTERED * _spread(number, count) + _LITTLE:
        return None
    zigzag = np.empty_like(words, shape=number)
    mine, theirs = words[places], under[places]
    coder().difference(_bytes(mine), _bytes(theirs), width, ordered, _bytes(zigzag))
    what = _local.compressor.compress(planes(zigzag))
    payload = _HEAD.pack(number, len(where)) + where + what + bytes(raw[whole:])
    return put(payload, raw, out)


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
    if base is None or len(base) != len(out) or count == 0:
        raise CorruptPack("a sparse payload lacks its base")
    end = len(payload) - (len(out) - whole)
    number, length = _HEAD.unpack_from(payload) if end >= _HEAD.size else (count + 1, 0)
    start = _HEAD.size + length
    if number > count or start > end:
        raise CorruptPack("a sparse payload is shorter than its parts")
    gaps = joined(unpack(payload[_HEAD.size : start], 4 * number), "<u4")
    places = np.cumsum(gaps.astype(np.int64) + 1) - 1
    if number and int(places[-1]) >= count:
        raise CorruptPack("a sparse payload changes a word past its frame")
    zigzag = joined(unpack(payload[start:end], width * number), f"<u{width}")
    kernel().copy(base, out)
    under = _words(base, width, count)[places]
    restored = np.empty_like(under)
    coder().restore(_bytes(zigzag), _bytes(under), width, ordered, _bytes(restored))
    _words(out, width, count)[places] = restored
    out[whole:] = payload[end:]


def _spread(number: int, count: int) -> float:
    """Bytes that so many places take when each word is as likely as any other."""
    if not number:
        return 0
    share = number / count
    return -count / 8 * (share * math.log2(share) + (1 - share) * math.log2(1 - share))


def _words(data: memoryview, width: int, count: int) -> Numbers:
    return np.frombuffer(data, f"<u{width}", count)


def _bytes(numbers: Numbers) -> memoryview:
    return memoryview(numbers.view(np.uint8).data)
