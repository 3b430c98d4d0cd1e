"""A few pieces of an object, on which codecs are tried before all of it is read.

A piece of what it may stand on has to be decoded with all of its frame, so that is done once and held.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from mvc.ids import ObjectId
from mvc.limits import KIB
from mvc.store.bases import Bases, Foundation, Ground
from mvc.store.codecs import OVER_BASE, Place, Plan, base_span, codec, may_gain
from mvc.store.workers import Buffers, pages

#: The sample: pieces of this many bytes, at a quarter and at three quarters of what is looked at.
_PIECE = 128 * KIB
#: Samples, of up to 256 KiB each, that are held in memory: versions are tried in the order in which they came.
_SAMPLES = 200

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
            piece = pages(size)  # goes back whole: on the heap, 50 MiB of these leave holes
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


class Samples:
    """Samples of the objects asked for last. Safe between threads."""

    def __init__(self, bases: Bases) -> None:
        self._bases = bases
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, Held] = OrderedDict()

    def of(self, digest: bytes, length: int) -> Held:
        """The sample of an object.

        Raises:
            MissingObject, CorruptPack
        """
        with self._lock:
            found = self._known.get(digest)
            if found is not None:
                self._known.move_to_end(digest)
                return found
        found = Held(self._bases.ground(ObjectId(digest.hex())), length)
        with self._lock:
            self._known[digest] = found
            if len(self._known) > _SAMPLES:
                self._known.popitem(last=False)
        return found


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
