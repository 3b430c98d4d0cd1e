"""Which of several objects a new one had best stand on: by a trial on a sample.

The policy is here: a delta is taken at 0.85 of what the object takes by itself, chains are bounded in depth and
in the bytes that have to be read back. A candidate that is gone or damaged is no candidate.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from mvc.errors import IntegrityError, StorageError
from mvc.limits import DELTA_DEPTH, DELTA_READ_BACK, KIB
from mvc.store.bases import Bases, Ground
from mvc.store.codecs import OVER_BASE, Plan, base_span, codec, plan, plan_over_base
from mvc.store.source import Candidate

#: A delta must come to this share of what the object takes by itself: it costs time to read.
WORTH = 0.85
#: The search ends at a base that is this good.
_EXCELLENT = 0.25
#: The sample: pieces of this many bytes, at a quarter and at three quarters of what is looked at.
_PIECE = 128 * KIB
#: Objects smaller than this stand by themselves: a base costs more to find than it saves.
SMALLEST = 4 * KIB


class Footing(NamedTuple):
    """What an object stands on, and what to try on its frames."""

    ground: Ground
    plan: Plan


def choose(
    bases: Bases,
    candidates: Sequence[Candidate],
    length: int,
    dtype: str | None,
    raw: memoryview,
) -> Footing | None:
    """The best for an object of ``length`` bytes that begins with ``raw``; None for no gain."""
    if dtype is None or length < SMALLEST:
        return None
    sample = _sample(raw)
    alone = sampled_size(sample, plan(dtype), None)
    best, least = None, WORTH * alone
    for candidate in candidates:
        tries = plan_over_base(dtype, candidate.dtype)
        if not tries:
            continue
        try:
            ground = bases.ground(candidate.id)
            if ground.depth >= DELTA_DEPTH or ground.stored > (DELTA_READ_BACK - 1) * length:
                continue
            size = sampled_size(sample, tuple(one for one in tries if one[0] in OVER_BASE), ground)
        except (IntegrityError, StorageError):
            continue
        if size < least:
            best, least = Footing(ground, tries), size
        if least <= _EXCELLENT * alone:
            break
    return best


def sample_places(length: int) -> list[tuple[int, int]]:
    """Where in an object of so many bytes a sample is taken: starts and sizes."""
    if length <= 2 * _PIECE:
        return [(0, length)]
    return [(start // 64 * 64, _PIECE) for start in (length // 4, length * 3 // 4)]


def _sample(raw: memoryview) -> list[tuple[int, memoryview]]:
    """Pieces with their places in the object."""
    return [(start, raw[start : start + size]) for start, size in sample_places(len(raw))]


def sampled_size(sample: list[tuple[int, memoryview]], tries: Plan, ground: Ground | None) -> int:
    """Bytes that the sample comes to by the best of ``tries``."""
    total = 0
    for start, piece in sample:
        out = memoryview(bytearray(len(piece)))
        base = None
        if ground is not None:
            begin, length = base_span(*tries[0], start, len(piece))
            base = memoryview(bytearray(length))
            ground.read_into(begin, base)
        sizes = (codec(number).encode(piece, param, out, base) for number, param in tries)
        total += min((size for size in sizes if size is not None), default=len(piece))
    return total
