"""Codec 5: a pruned tensor is its base with some weights set to zero, mostly the smallest.

Which ones is predicted by a threshold on the base's magnitude: exact where magnitudes were pruned, a good
guess elsewhere. ``w * mask`` leaves a negative zero where a negative weight was, ``w[mask] = 0`` a positive
one; which of the two is the rule of a frame. Tokens say where the guess was wrong, coded given the base's
exponent, so a wrong guess far from the threshold costs much and is rare.

Token 0: as predicted; 1: zero by the rule where the base's word was predicted, or that word where zero was; 2:
the other zero; 3: any other word, which is listed.

Payload: u8 rule (1: a zero keeps the base's sign); u8[3] 0; u32 number of listed words; u64 threshold: words of
the base whose magnitude (the word without its sign) is not above it are predicted to be zero; the listed
words; a section of ``tokens``; the tail of the frame that fills no word.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from mvc.errors import CorruptPack
from mvc.store.codecs import Place
from mvc.store.codecs import tokens as coded
from mvc.store.codecs.planes import shape
from mvc.store.workers import Buffers

_HEAD = struct.Struct("<B3xIQ")
_WORDS: dict[int, np.dtype[Any]] = {width: np.dtype(f"<u{width}") for width in (2, 4, 8)}
_AS_PREDICTED, _OTHERWISE, _OTHER_ZERO, _LISTED = 0, 1, 2, 3
#: At least one word in so many must have become zero, and at most one may be listed.
_ZEROS = 20
_MOST_LISTED = 20
#: Magnitudes are counted by their highest bits.
_BITS = 15

_tokens = Buffers()
Words = npt.NDArray[Any]


def encode(
    raw: memoryview,
    param: int,
    out: memoryview,
    base: memoryview | None = None,
    place: Place | None = None,
) -> int | None:
    """The mask over ``base``; None when the frame is not its base pruned."""
    width, ordered = shape(param)
    count = len(raw) // width
    if base is None or count == 0 or not ordered or width not in _WORDS:
        return None
    whole = count * width
    words, under = (
        np.frombuffer(raw, _WORDS[width], count),
        np.frombuffer(base, _WORDS[width], count),
    )
    magnitudes = under & _rest(width)
    zero = words & _rest(width) == 0
    if np.count_nonzero(zero) * _ZEROS < count:
        return None
    pruned = zero & (magnitudes != 0)
    if np.count_nonzero(~zero & (words != under)) * _MOST_LISTED > count:
        return None
    negative = int(np.count_nonzero(pruned & (under > _rest(width))))
    signed = 2 * int(np.count_nonzero(pruned & (words != 0))) >= negative
    threshold = _threshold(magnitudes, zero, width)
    predicted = _guess(under, magnitudes, threshold, signed, width)
    tokens = np.zeros(count, np.uint8)
    wrong = np.flatnonzero(words != predicted)  # few: what is rare is looked at apart
    otherwise = _otherwise(under[wrong], predicted[wrong], signed, width)
    surprise = np.where(zero[wrong], np.uint8(_OTHER_ZERO), np.uint8(_LISTED))
    surprise[words[wrong] == otherwise] = _OTHERWISE
    tokens[wrong] = surprise
    listed = words[tokens == _LISTED]
    head = _HEAD.pack(signed, len(listed), threshold) + listed.tobytes()
    tail = raw[whole:]
    room = out[len(head) : max(len(head), len(raw) - 1 - len(tail))]
    length = coded.write(tokens.data, base[:whole], width, ordered, room)
    if length is None:
        return None
    end = len(head) + length
    out[: len(head)] = head
    out[end : end + len(tail)] = tail
    return end + len(tail)


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
    if not ordered or width not in _WORDS:
        raise CorruptPack(f"mask parameter {param} is unknown")
    if base is None or len(base) != len(out) or count == 0:
        raise CorruptPack("a mask payload lacks its base")
    end = len(payload) - (len(out) - whole)
    if end < _HEAD.size:
        raise CorruptPack("a mask payload ends inside its head")
    signed, number, threshold = _HEAD.unpack_from(payload)
    start = _HEAD.size + number * width
    if signed > 1 or any(payload[1:4]) or number > count or start > end:
        raise CorruptPack("a mask payload is shorter than its parts")
    tokens = np.frombuffer(_tokens.take(count), np.uint8)
    coded.read(payload[start:end], base[:whole], width, ordered, tokens.data)
    if int(tokens.max()) > _LISTED or np.count_nonzero(tokens == _LISTED) != number:
        raise CorruptPack("a mask payload's tokens don't fit its list")
    under = np.frombuffer(base, _WORDS[width], count)
    magnitudes = under & _rest(width)
    words = _guess(under, magnitudes, threshold, bool(signed), width)
    wrong = np.flatnonzero(tokens)
    surprise, below = tokens[wrong], under[wrong]
    otherwise = _otherwise(below, words[wrong], bool(signed), width)
    words[wrong] = np.where(surprise == _OTHER_ZERO, _zeros(below, not signed, width), otherwise)
    words[wrong[surprise == _LISTED]] = np.frombuffer(payload[_HEAD.size : start], _WORDS[width])
    np.copyto(np.frombuffer(out, _WORDS[width], count), words)
    out[whole:] = payload[end:]


def _top(width: int) -> Any:
    return _WORDS[width].type(1 << (8 * width - 1))


def _rest(width: int) -> Any:
    return ~_top(width)


def _zeros(under: Words, signed: bool, width: int) -> Words:
    """Zeros by the rule, or, for the other rule's ``signed``, the other ones."""
    negative = under & _top(width)
    return negative if signed else np.zeros_like(negative)


def _guess(under: Words, magnitudes: Words, threshold: int, signed: bool, width: int) -> Words:
    """Zero where the magnitude is not above the threshold, else the base's word."""
    small = _all_bits(magnitudes <= _WORDS[width].type(min(threshold, int(_rest(width)))), width)
    kept = ~small
    return under & (kept | _top(width)) if signed else under & kept


def _otherwise(under: Words, predicted: Words, signed: bool, width: int) -> Words:
    """The base's word where zero was predicted, and zero where that word was."""
    return predicted ^ under ^ _zeros(under, signed, width)


def _all_bits(truth: npt.NDArray[np.bool_], width: int) -> Words:
    """All bits of a word where it is true, none where it is not: NumPy's own choosing is ten times slower."""
    bits: Words = np.negative(truth.astype(_WORDS[width]))
    return bits


def _threshold(magnitudes: Words, zero: npt.NDArray[np.bool_], width: int) -> int:
    """The magnitude that parts zeros from the rest with the fewest mistakes."""
    gone = _all_bits(zero, width)
    highest = int((magnitudes & gone).max())
    if highest < int((magnitudes | gone & _rest(width)).min()):
        return highest
    shift = 8 * width - 1 - _BITS
    buckets = (magnitudes >> _WORDS[width].type(shift)).astype(np.int64)
    below = np.cumsum(np.bincount(buckets[~zero], minlength=1 << _BITS))
    above = np.cumsum(np.bincount(buckets[zero], minlength=1 << _BITS))
    best = int(np.argmin(below + (above[-1] - above)))
    return ((best + 1) << shift) - 1
