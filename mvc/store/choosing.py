"""Which of several objects a new one had best stand on: by a trial on a sample.

The policy is here: a delta is taken at 0.85 of what the object takes by itself, chains are bounded in depth and
in the bytes that have to be read back. A candidate that is gone or damaged is no candidate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from mvc.dtypes import DTYPES
from mvc.errors import IntegrityError, StorageError
from mvc.limits import DELTA_DEPTH, DELTA_READ_BACK, DELTA_SMALLEST, KIB, LARGEST_FACTOR, MIB
from mvc.store.bases import Bases, Factor, Foundation, Ground
from mvc.store.codecs import LOWRANK, OVER_BASE, Place, Plan, codec, may_gain, plan, plan_over_base
from mvc.store.source import Candidate
from mvc.store.workers import Buffers

#: A delta must come to this share of what the object takes by itself: it costs time to read.
WORTH = 0.85
#: The search ends at a base that is this good.
_EXCELLENT = 0.25
#: The sample: pieces of this many bytes, at a quarter and at three quarters of what is looked at.
_PIECE = 128 * KIB
#: A change that takes more than this share of the raw bytes is looked at for a low rank, and this share of
#: what it takes otherwise is worth a factor, of which this much is read.
_LOW_RANK = 0.04
_GAIN = 0.8
_STRETCH = 8 * MIB


_base = Buffers()


class Footing(NamedTuple):
    """What an object stands on, what to try on its frames, and lengths that its rows may have."""

    ground: Foundation
    plan: Plan
    rows: tuple[int, ...] = ()


def choose(
    bases: Bases,
    candidates: Sequence[Candidate],
    length: int,
    dtype: str | None,
    raw: memoryview,
) -> Footing | None:
    """The best for an object of ``length`` bytes that begins with ``raw``; None for no gain."""
    if dtype is None or length < DELTA_SMALLEST:
        return None
    sample = _sample(raw)
    alone = sampled_size(sample, plan(dtype), None)
    best: Footing | None = None
    least, weight = WORTH * alone, None
    for candidate in candidates:
        try:
            ground = bases.ground(candidate.id)
            tries = plan_over_base(dtype, candidate.dtype, ground.length / length)
            if not tries or not affordable(ground, length, dtype == candidate.dtype):
                continue
            rows = _rows(candidate.shape)
            size = sampled_size(sample, tries, ground, rows)
        except (IntegrityError, StorageError):
            continue
        if size < least:
            best, least = Footing(ground, tries, rows), size
            weight = ground if dtype == candidate.dtype else None
        if least <= _EXCELLENT * alone:
            break
    if best is not None and weight is not None and least > _LOW_RANK * sum(map(_length, sample)):
        return _on_factor(best, weight, sample, least, dtype, raw) or best
    return best


def affordable(ground: Ground, length: int, alike: bool) -> bool:
    """Whether an object of ``length`` may stand on ``ground``, ``alike`` when both have one dtype.

    What a conversion stands on may be longer than itself; what is read is then held against that.
    """
    most = length if alike else max(length, ground.length)
    return ground.depth < DELTA_DEPTH and ground.stored <= DELTA_READ_BACK * most - length


def _rows(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Lengths that rows with a scale of their own may have: those of channels, and the last dimension's."""
    return tuple(dict.fromkeys((math.prod(shape[1:]), shape[-1]))) if len(shape) > 1 else ()


def _on_factor(
    footing: Footing,
    weight: Ground,
    sample: list[tuple[int, memoryview]],
    least: float,
    dtype: str,
    raw: memoryview,
) -> Footing | None:
    """The footing with the factor of a low-rank change between; None where there is none that gains."""
    from mvc.store import factors
    from mvc.store.codecs.lowrank import FORMATS, factor

    form, columns = FORMATS.get(dtype, 0), footing.rows[-1] if footing.rows else 0
    if not form or not columns or weight.depth + 1 >= DELTA_DEPTH:
        return None
    row = columns * DTYPES[dtype].word
    whole = [(place, piece) for place, piece in (_whole(row, *one) for one in sample) if piece]
    before = [_under(weight, place, len(piece)) for place, piece in whole]
    after = memoryview(b"".join(piece for _, piece in whole))
    rank = factors.rank(after, memoryview(b"".join(before)), form, columns)
    if not rank:
        return None
    place, stretch = _whole(row, 0, raw[:_STRETCH])
    integers = factors.right(stretch, _under(weight, place, len(stretch)), form, columns, rank)
    data = factor(integers, weight.digest)
    if len(data) > LARGEST_FACTOR:
        return None
    ground = Factor(data, weight)
    tries = ((LOWRANK, 16 * form),)
    size = sampled_size(sample, tries, ground, footing.rows)
    # The factor counts as far as the sample goes.
    share = sum(map(_length, sample)) / weight.length
    if size + len(data) * share > _GAIN * least:
        return None
    return Footing(ground, (*tries, *plan(dtype)), footing.rows)


def _whole(row: int, place: int, piece: memoryview) -> tuple[int, memoryview]:
    """The whole rows of a piece, with their place."""
    first = -place % row
    return place + first, piece[first : first + max(0, len(piece) - first) // row * row]


def _under(ground: Ground, start: int, length: int) -> memoryview:
    out = memoryview(bytearray(length))
    ground.read_into(start, out)
    return out


def _length(one: tuple[int, memoryview]) -> int:
    return len(one[1])


def sample_places(length: int) -> list[tuple[int, int]]:
    """Where in an object of so many bytes a sample is taken: starts and sizes."""
    if length <= 2 * _PIECE:
        return [(0, length)]
    return [(start // 64 * 64, _PIECE) for start in (length // 4, length * 3 // 4)]


def _sample(raw: memoryview) -> list[tuple[int, memoryview]]:
    """Pieces with their places in the object."""
    return [(start, raw[start : start + size]) for start, size in sample_places(len(raw))]


def sampled_size(
    sample: list[tuple[int, memoryview]],
    tries: Plan,
    ground: Foundation | None,
    rows: tuple[int, ...] = (),
) -> int:
    """Bytes that the sample comes to by the best of ``tries``: over ``ground`` by those that need one."""
    tries = tuple(one for one in tries if (one[0] in OVER_BASE) == (ground is not None))
    total = 0
    for start, piece in sample:
        out = memoryview(bytearray(len(piece)))
        base = None
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
