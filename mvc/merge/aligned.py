"""A tensor made of models that have rows of their own, as embeddings of grown vocabularies are.

Rows that all have (and the base, where changes are merged) are one tensor to the strategy. Any other is the
mean of the models that have it: the row itself, to the bit, where one does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np

from mvc.dtypes import DTYPES
from mvc.merge.checks.rows import Rows, Sources
from mvc.merge.held import Bytes, Held
from mvc.merge.strategies.combination import Array, Combination, Numbers, Piecewise, Place
from mvc.merge.strategies.measures import keep_equal, weighted_sum
from mvc.merge.strategies.numbers import narrowed
from mvc.values import dataclass

#: Elements of a piece of what is elementwise.
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """One side's tensor: its bytes, and which of its rows go where (see ``Rows``)."""

    data: Bytes
    dtype: str
    shape: tuple[int, ...]
    sources: Sources

    def rows(self, numbers: Sources, wide: np.dtype[Any]) -> Held:
        """Its rows for those rows of the result."""
        count = self.shape[0]
        taken = self.data.reshape(count, -1)[self.sources[numbers]]
        return Held(taken.reshape(-1), self.dtype, (numbers.size, *self.shape[1:]), wide)


def made_of_rows(
    combination: Combination,
    rows: Rows,
    base: Part | None,
    models: Sequence[Part],
    statistics: Sequence[Part | Array | None],
    kind: tuple[str, np.dtype[Any]],
    place: Place,
) -> Bytes:
    """The bytes of the result; ``kind``: the dtype that it has, and the one to compute in.

    A ``Part`` among the ``statistics`` has rows like its model.
    """
    dtype, wide = kind
    inner = models[0].shape[1:]
    result = np.empty((rows.count, int(np.prod(inner)) * DTYPES[dtype].bits // 8), np.uint8)
    having = np.stack([part.sources >= 0 for part in models])
    common = having.all(axis=0)
    if combination.needs_base:
        common &= (base.sources >= 0) if base is not None else np.False_
    numbers = np.flatnonzero(common)
    if numbers.size:
        start = base.rows(numbers, wide) if base is not None and combination.needs_base else None
        ends = [part.rows(numbers, wide) for part in models]
        known = tuple(
            one.rows(numbers, wide).whole() if isinstance(one, Part) else one for one in statistics
        )
        merged = _merged(combination, start, ends, Place(place.name, place.seed, known))
        filled = np.concatenate([narrowed(part, dtype) for part in merged])
        result[numbers] = filled.reshape(numbers.size, -1)
    for pattern in np.unique(having[:, ~common], axis=1).T:
        numbers = np.flatnonzero((having == pattern[:, np.newaxis]).all(axis=0) & ~common)
        some = [part for part, has in zip(models, pattern, strict=True) if has]
        result[numbers] = _mean(some, numbers, dtype, wide).reshape(numbers.size, -1)
    return result.reshape(-1)


def _merged(
    combination: Combination, base: Held | None, models: Sequence[Held], place: Place
) -> Iterator[Array]:
    if combination.piecewise:
        stretches: Sequence[Numbers] = models
        yield from cast(Piecewise, combination).pieces(base, stretches, place)
        return
    if not combination.elementwise or any(known is not None for known in place.statistics):
        start = None if base is None else base.whole()
        yield combination.combine(start, [model.whole() for model in models], place)
        return
    size = models[0].size
    for at in range(0, size, _PIECE):
        here = slice(at, min(at + _PIECE, size))
        start = None if base is None else base[here]
        yield combination.combine(start, [model[here] for model in models], place)


def _mean(parts: Sequence[Part], numbers: Sources, dtype: str, wide: np.dtype[Any]) -> Bytes:
    if len(parts) == 1 and parts[0].dtype == dtype:
        only = parts[0]
        return only.data.reshape(only.shape[0], -1)[only.sources[numbers]].reshape(-1)
    arrays = [part.rows(numbers, wide).whole() for part in parts]
    mean = weighted_sum(arrays, [1.0] * len(arrays))
    mean /= mean.dtype.type(len(arrays))
    return narrowed(keep_equal(mean, arrays), dtype)
