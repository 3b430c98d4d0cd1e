"""A few pieces of an object, on which codecs are tried before all of it is read.

A piece of what it may stand on has to be decoded with all of its frame, so that is done once and held.
"""

from __future__ import annotations

from mvc.limits import KIB
from mvc.store.bases import Foundation, Ground
from mvc.store.codecs import OVER_BASE, Place, Plan, base_span, codec, may_gain
from mvc.store.workers import Buffers

#: The sample: pieces of this many bytes, at a quarter and at three quarters of what is looked at.
_PIECE = 128 * KIB

_base, _out = Buffers(), Buffers()

#: Pieces of an object, each with its place.
Pieces = list[tuple[int, memoryview]]


class Held:
    """An object as something to stand on, of which the places that are tried first are in memory."""

    def __init__(self, ground: Ground, length: int) -> None:
        """Raises:
        MissingObject, CorruptPack
        """
        self._ground = ground
        self.digest, self.depth, self.stored = ground.digest, ground.depth, ground.stored
        self.pieces: Pieces = []
        for start, size in _places(length):
            piece = memoryview(bytearray(size))
            ground.read_into(start, piece)
            self.pieces.append((start, piece))

    def under(
        self, number: int, param: int, start: int, length: int, buffer: Buffers
    ) -> memoryview:
        """See ``Ground``."""
        span = base_span(number, param, start, length)
        for place, piece in self.pieces:
            if (place, len(piece)) == span:
                return piece
        return self._ground.under(number, param, start, length, buffer)

    def read_into(self, start: int, out: memoryview) -> None:
        """See ``Ground``."""
        for place, piece in self.pieces:
            if (place, len(piece)) == (start, len(out)):
                out[:] = piece
                return
        self._ground.read_into(start, out)


def pieces_of(raw: memoryview) -> Pieces:
    """The sample of what is in memory."""
    return [(start, raw[start : start + size]) for start, size in _places(len(raw))]


def length_of(sample: Pieces) -> int:
    """Its bytes."""
    return sum(len(piece) for _, piece in sample)


def sampled_size(
    sample: Pieces, tries: Plan, ground: Foundation | None, rows: tuple[int, ...] = ()
) -> int:
    """Bytes that the sample comes to by the best of ``tries``: over ``ground`` by those that need one."""
    tries = tuple(one for one in tries if (one[0] in OVER_BASE) == (ground is not None))
    total = 0
    for start, piece in sample:
        out, base = _out.take(len(piece)), None
        if ground is not None:
            base = ground.under(*tries[0], start, len(piece), _base)
        place = Place(start, rows)
        sizes = (
            codec(number).encode(piece, param, out, base, place)
            for number, param in tries
            if may_gain(number, param, piece, base)
        )
        total += min((size for size in sizes if size is not None), default=len(piece))
    return total


def _places(length: int) -> list[tuple[int, int]]:
    """Where in an object of so many bytes a sample is taken: starts and sizes."""
    if length <= 2 * _PIECE:
        return [(0, length)]
    return [(start // 64 * 64, _PIECE) for start in (length // 4, length * 3 // 4)]
