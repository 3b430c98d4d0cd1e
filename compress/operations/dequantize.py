"""Back from a grid: weights are stored as values, in the model's dtype, and may leave the grid from then on.

What rounding took does not come back (``mvc revert`` does that); this is for going on: training, merging, or
quantizing otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compress.edit import Dense, Edit
from compress.matrix import Matrix
from compress.operation import Operation
from compress.quantization import announcing
from mvc.history.record import Json
from mvc.values import dataclass


@dataclass(frozen=True, slots=True)
class Dequantize:
    """``only`` and ``skip``: globs of names."""

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    version: int = 1


def dequantize(matrix: Matrix, recipe: Dequantize) -> Edit:
    """``matrix`` as it computes."""
    was = None if matrix.grid is None else dict(matrix.grid)
    return Edit(Dense(matrix.weight.clone()), 0.0, {"was": was})


def configure(
    config: dict[str, Any],
    recipe: Dequantize,
    decisions: Mapping[str, Json],
    matrices: Mapping[str, str],
) -> dict[str, Any]:
    """``config.json`` without what announces codes; of some, where only some are values again."""
    return announcing.without(config, decisions, matrices)


OPERATION = Operation(
    name="dequantize",
    recipe=Dequantize,
    summary=lambda recipe: "Dequantize",
    edit=dequantize,
    needs_gram=lambda recipe: False,
    configure=configure,
    ends=frozenset({"grid"}),
)
