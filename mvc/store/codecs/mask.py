"""Codec 5: a pruned tensor is its base with some weights set to zero, mostly the smallest.

Which ones is predicted by a threshold on the base's magnitude: exact where magnitudes were pruned, a good
guess elsewhere. ``w * mask`` leaves a negative zero where a negative weight was, ``w[mask] = 0`` a positive
one; which of the two is the rule of a frame. Tokens say where the guess was wrong, coded given the base's
exponent, so a wrong guess far from the threshold costs much and is rare.

Token 0: as predicted; 1: zero by the rule where the base's word was predicted, or that word where zero was; 2:
zero by the other rule; 3: any other word, which is listed: a negative zero over a positive word, too.

Payload: u8 rule (1: a zero keeps the base's sign); u8[3] 0; u32 number of listed words; u64 threshold: words of
the base whose magnitude (the word without its sign) is not above it are predicted to be zero; the listed
words; a section of ``tokens``; the tail of the frame that fills no word.
"""

from __future__ import annotations

import struct

from mvc.errors import CorruptPack
from mvc.store.codecs import Place
from mvc.store.codecs import tokens as coded
from mvc.store.codecs.planes import shape
from mvc.store.kernel.masking import masker
from mvc.store.workers import Buffers

_HEAD = struct.Struct("<B3xIQ")
_WIDTHS = (2, 4, 8)
#: At least one word in so many must have become zero, and at most one may be listed.
_ZEROS = 20
_MOST_LISTED = 20

_tokens, _listed = Buffers(), Buffers()


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
    if base is None or count == 0 or not ordered or width not in _WIDTHS:
        return None
    whole = count * width
    words, under, tail = raw[:whole], base[:whole], raw[whole:]
    found = masker().survey(words, under, width)
    if found.zeros * _ZEROS < count or found.changed * _MOST_LISTED > count:
        return None
    keeps = 2 * found.negative_zeros >= found.negative
    threshold = found.highest
    if found.highest >= found.lowest:  # no magnitude parts zeros from the rest
        threshold = masker().threshold(words, under, width)
    tokens, listed = _tokens.take(count), _listed.take(count // _MOST_LISTED * width)
    number = masker().tokens(words, under, width, threshold, keeps, tokens, listed)
    if number is None:
        return None
    start = _HEAD.size + number * width
    room = out[start : max(start, len(raw) - 1 - len(tail))]
    length = coded.write(tokens, under, width, ordered, room)
    if length is None:
        return None
    _HEAD.pack_into(out, 0, keeps, number, threshold)
    out[_HEAD.size : start] = listed[: number * width]
    out[start + length : start + length + len(tail)] = tail
    return start + length + len(tail)


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
    if not ordered or width not in _WIDTHS:
        raise CorruptPack(f"mask parameter {param} is unknown")
    if base is None or len(base) != len(out) or count == 0:
        raise CorruptPack("a mask payload lacks its base")
    end = len(payload) - (len(out) - whole)
    if end < _HEAD.size:
        raise CorruptPack("a mask payload ends inside its head")
    keeps, number, threshold = _HEAD.unpack_from(payload)
    start = _HEAD.size + number * width
    if keeps > 1 or any(payload[1:4]) or number > count or start > end:
        raise CorruptPack("a mask payload is shorter than its parts")
    tokens, under = _tokens.take(count), base[:whole]
    coded.read(payload[start:end], under, width, ordered, tokens)
    listed = payload[_HEAD.size : start]
    if not masker().words(tokens, under, width, threshold, bool(keeps), listed, out[:whole]):
        raise CorruptPack("a mask payload's tokens don't fit its list")
    out[whole:] = payload[end:]
