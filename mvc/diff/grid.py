"""Where tensors stand in a model, by their names: layers as rows, kinds of matrices as columns.

It knows no model's architecture: the first number in a name is the layer, all that is around it the kind, in
which other numbers (experts) make no difference. It judges names and what changed, and reads nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from mvc.diff.changes import TensorChange, TensorStatus
from mvc.values import dataclass

#: A cell holds what several tensors share; the first of these that one of them has is the cell's.
_LOUDEST: tuple[TensorStatus, ...] = (
    "conflict", "added", "removed", "changed", "transposed", "renamed", "moved",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cell:
    """One layer's tensors of a kind. ``status`` is None where none of them changed.

    ``relative_l2`` is ‖new − old‖ / ‖old‖ over the tensors that were measured, None where none was.
    ``changes`` are their indexes in the model's changes, ``tensors`` how many there are.
    """

    status: TensorStatus | None
    relative_l2: float | None
    changes: tuple[int, ...]
    tensors: int


@dataclass(frozen=True, slots=True)
class Grid:
    """``cells`` by (layer, kind); a layer need not have each kind. ``kinds`` are whole names with ``*`` for
    numbers, ``labels`` the same without what all of them begin with. ``outside``: tensors in no layer."""

    layers: tuple[int, ...]
    kinds: tuple[str, ...]
    labels: tuple[str, ...]
    cells: dict[tuple[int, str], Cell]
    outside: dict[str, Cell]


def place(name: str) -> tuple[int, str] | None:
    """The layer that a tensor is in, and its kind; None for one that is in no layer."""
    parts = name.split(".")
    for at, part in enumerate(parts):
        if part.isascii() and part.isdigit() and len(part) < 7:
            rest = ["*" if one.isascii() and one.isdigit() else one for one in parts[at + 1 :]]
            return int(part), ".".join([*parts[:at], "*", *rest])
    return None


def grid(names: Sequence[str], changes: Sequence[TensorChange]) -> Grid:
    """The grid of all tensors of a model: ``names`` are those that it has, ``changes`` what became of some
    (and of some that it had)."""
    counts: dict[tuple[int, str], int] = {}
    touched: dict[tuple[int, str] | str, list[int]] = {}
    outside = dict.fromkeys(name for name in names if place(name) is None)
    for name in names:
        if where := place(name):
            counts[where] = counts.get(where, 0) + 1
    for number, change in enumerate(changes):
        where = place(change.name)
        touched.setdefault(where or change.name, []).append(number)
        if where is None:
            outside[change.name] = None
        elif change.new is None:
            counts[where] = counts.get(where, 0) + 1
    kinds = tuple(sorted({kind for _, kind in counts}))
    return Grid(
        layers=tuple(sorted({layer for layer, _ in counts})),
        kinds=kinds,
        labels=_labels(kinds),
        cells={
            where: _cell([(n, changes[n]) for n in touched.get(where, ())], count)
            for where, count in counts.items()
        },
        outside={
            name: _cell([(n, changes[n]) for n in touched.get(name, ())], 1)
            for name in sorted(outside)
        },
    )


def combined(changes: Iterable[TensorChange]) -> float | None:
    """‖new − old‖ / ‖old‖ over several tensors as if they were one; None where none was measured, or only
    the old ones are zero."""
    squares = norms = 0.0
    measured = False
    for change in changes:
        stats = change.stats
        if stats is None or stats.relative_l2 is None or not math.isfinite(stats.relative_l2):
            continue
        measured = True
        squares += (stats.relative_l2 * stats.old_norm) ** 2
        norms += stats.old_norm**2
    if not measured:
        return None
    return math.sqrt(squares / norms) if norms else None if squares else 0.0


def _cell(changes: Sequence[tuple[int, TensorChange]], count: int) -> Cell:
    found = {change.status for _, change in changes}
    status = next((one for one in _LOUDEST if one in found), None)
    relative = combined(change for _, change in changes)
    return Cell(status, relative, tuple(number for number, _ in changes), count)


def _labels(kinds: Sequence[str]) -> tuple[str, ...]:
    heads = {kind.partition("*.")[0] for kind in kinds}
    if len(heads) == 1 and all("*." in kind for kind in kinds):
        return tuple(kind.partition("*.")[2] for kind in kinds)
    return tuple(kinds)
