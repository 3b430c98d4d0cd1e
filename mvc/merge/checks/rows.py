"""Which row of each model belongs to which row of the result, where models have rows of their own.

Rows are told apart by their tokens where tokenizers say them, else by their numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mvc.merge.checks.beside import Beside
from mvc.values import dataclass

#: For each row of the result the row there, or -1.
Sources = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rows:
    """``count`` rows; where they come from in the base (None if there is none) and in each model."""

    count: int
    base: Sources | None
    models: tuple[Sources, ...]


def by_number(base: int | None, models: Sequence[int]) -> Rows:
    """Row for row, as many as the model with most of them has; the arguments count each one's."""
    count = max(models)
    return Rows(
        count,
        None if base is None else _numbered(count, base),
        tuple(_numbered(count, rows) for rows in models),
    )


def by_token(
    lead: int, besides: Sequence[Beside], base: tuple[Beside, int] | None, models: Sequence[int]
) -> Rows:
    """Token for token, in the order of the model ``lead``, whose rows without a token go by their numbers."""
    order, count = besides[lead], models[lead]
    return Rows(
        count,
        None if base is None else _sources(order, count, *base),
        tuple(
            _sources(order, count, beside, rows)
            for beside, rows in zip(besides, models, strict=True)
        ),
    )


def _numbered(count: int, rows: int) -> Sources:
    numbers = np.arange(count, dtype=np.int64)
    return np.where(numbers < rows, numbers, -1)


def _sources(order: Beside, count: int, other: Beside, rows: int) -> Sources:
    if order.tokens is None or other.tokens is None or order.tokens == other.tokens:
        return _numbered(count, rows)
    found = _numbered(count, rows)
    used = np.fromiter(other.tokens.values(), np.int64)
    found[np.isin(found, used)] = -1
    for token, row in order.tokens.items():
        if row < count:
            source = other.tokens.get(token, -1)
            found[row] = source if source < rows else -1
    return found
