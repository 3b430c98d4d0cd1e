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
from mvc.limits import DELTA_DEPTH, DELTA_READ_BACK, DELTA_SMALLEST, LARGEST_FACTOR, MIB
from mvc.store.bases import Bases, Factor, Foundation, Ground
from mvc.store.codecs import LOWRANK, Plan, plan, plan_over_base
from mvc.store.sampling import Held, Pieces, length_of, pieces_of, sampled_size
from mvc.store.source import Candidate

#: A delta must come to this share of what the object takes by itself: it costs time to read.
WORTH = 0.85
#: The search ends at a base that is this good.
_EXCELLENT = 0.25
#: A change that takes more than this share of the raw bytes is looked at for a low rank, and this share of
#: what it takes otherwise is worth a factor, of which this much is read.
_LOW_RANK = 0.04
_GAIN = 0.82
_STRETCH = 8 * MIB


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
    sample = pieces_of(raw)
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
            held = Held(ground, len(raw)) if dtype == candidate.dtype else None
            size = sampled_size(sample, tries, held or ground, rows)
        except (IntegrityError, StorageError):
            continue
        if size < least:
            best, least = Footing(ground, tries, rows), size
            weight = (ground, held) if held else None
        if least <= _EXCELLENT * alone:
            break
    if best is not None and weight is not None and least > _LOW_RANK * length_of(sample):
        return _on_factor(best, *weight, sample, least, dtype, raw) or best
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
    held: Held,
    sample: Pieces,
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
    word = DTYPES[dtype].word
    row, taken = columns * word, length_of(sample)
    after, before = (
        b"".join(_whole(row, *one) for one in pieces) for pieces in (sample, held.pieces)
    )
    low = factors.low(memoryview(after), memoryview(before), form, columns)
    rows = max(1, weight.length // row)
    if low is None or not low.pays(rows, columns, 8 * word * least / taken):
        return None
    stretch = _whole(row, 0, raw[:_STRETCH])
    under = memoryview(bytearray(len(stretch)))
    weight.read_into(0, under)
    data = factor(factors.right(stretch, under, form, columns, low.rank), weight.digest)
    if len(data) > LARGEST_FACTOR:
        return None
    tries = ((LOWRANK, 16 * form),)
    size = sampled_size(sample, tries, Factor(data, held), footing.rows)
    # The factor counts as far as the sample goes.
    if size + len(data) * taken / weight.length > _GAIN * least:
        return None
    return Footing(Factor(data, weight), (*tries, *plan(dtype)), footing.rows)


def _whole(row: int, place: int, piece: memoryview) -> memoryview:
    """The whole rows of a piece."""
    first = -place % row
    return piece[first : first + max(0, len(piece) - first) // row * row]
