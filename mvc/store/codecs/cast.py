"""Codec 6: a tensor is its base in another float format, rounded to nearest even.

Only conversions of IEEE 754 and of BF16 are done, whose results are the same on every machine; a NaN, whose
bits are not, counts as a wrong guess. Wrong guesses are listed.

Parameter: 16 × the format of the base + the format of the frame; 1 F32, 2 BF16, 3 F16. Payload: u32 number of
listed words; their positions (u32), ascending; the words.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from mvc.errors import CorruptPack
from mvc.store.codecs import Place
from mvc.store.memory import put

_HEAD = struct.Struct("<I")
_F32, _BF16, _F16 = 1, 2, 3
_FORMATS = {"F32": _F32, "BF16": _BF16, "F16": _F16}
_WIDTHS = {_F32: 4, _BF16: 2, _F16: 2}
#: One word in so many may be listed.
_MOST_LISTED = 50
Words = npt.NDArray[Any]


def parameter(base: str | None, dtype: str | None) -> int | None:
    """The parameter for a tensor of ``dtype`` over a base of another; None when there is no such cast."""
    known = _FORMATS.get(base or ""), _FORMATS.get(dtype or "")
    if None in known or _F32 not in known or known[0] == known[1]:
        return None
    return 16 * (known[0] or 0) + (known[1] or 0)


def widths(param: int) -> tuple[int, int]:
    """Bytes of a word of the base and of the frame.

    Raises:
        CorruptPack: no such parameter.
    """
    base, target = divmod(param, 16)
    if {base, target} not in ({_F32, _BF16}, {_F32, _F16}):
        raise CorruptPack(f"cast parameter {param} is unknown")
    return _WIDTHS[base], _WIDTHS[target]


def encode(
    raw: memoryview,
    param: int,
    out: memoryview,
    base: memoryview | None = None,
    place: Place | None = None,
) -> int | None:
    """The words that are not ``base`` rounded; None when they are many."""
    _, width = widths(param)
    if base is None or len(raw) % width or not len(raw):
        return None
    words = np.frombuffer(raw, f"<u{width}")
    wrong = np.flatnonzero(words != _rounded(base, param))
    if len(wrong) * _MOST_LISTED > len(words):
        return None
    payload = _HEAD.pack(len(wrong)) + wrong.astype("<u4").tobytes() + words[wrong].tobytes()
    return put(payload, raw, out)


def decode(
    payload: memoryview, param: int, out: memoryview, base: memoryview | None = None
) -> None:
    """Inverse of ``encode``.

    Raises:
        CorruptPack: no base of the frame's words, or no payload that ``encode`` writes.
    """
    under, width = widths(param)
    if base is None or len(out) % width or len(base) != len(out) // width * under:
        raise CorruptPack("a cast payload lacks its base")
    number = _HEAD.unpack_from(payload)[0] if len(payload) >= _HEAD.size else -1
    if len(payload) != _HEAD.size + number * (4 + width):
        raise CorruptPack("a cast payload has another length than its list")
    words = np.frombuffer(out, f"<u{width}")
    np.copyto(words, _rounded(base, param))
    listed = _HEAD.size + 4 * number
    places = np.frombuffer(payload[_HEAD.size : listed], "<u4")
    if number and int(places.max()) >= len(words):
        raise CorruptPack("a cast payload lists a word past its frame")
    words[places] = np.frombuffer(payload[listed:], f"<u{width}")


def _rounded(base: memoryview, param: int) -> Words:
    """The base's words in the frame's format; zero for a NaN."""
    source, target = divmod(param, 16)
    words = np.frombuffer(base, f"<u{_WIDTHS[source]}")
    rounded: Words
    if source == _F32 and target == _BF16:
        even = words >> 16 & 1
        rounded = ((words.astype(np.uint64) + 0x7FFF + even) >> 16).astype("<u2")
        nan = words & 0x7FFFFFFF > 0x7F800000
    elif source == _F32:
        values = words.view("<f4")
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            rounded = values.astype("<f2").view("<u2")
        nan = np.isnan(values)
    elif source == _BF16:
        rounded = words.astype("<u4") << 16
        nan = words & 0x7FFF > 0x7F80
    else:
        with np.errstate(invalid="ignore"):
            rounded = words.view("<f2").astype("<f4").view("<u4")
        nan = words & 0x7FFF > 0x7C00
    rounded[nan] = 0
    return rounded
