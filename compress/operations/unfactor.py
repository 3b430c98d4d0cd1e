"""Factors multiplied back into the matrices that they stand for, so that everything loads the model plainly.

Values are rounded to the file's dtype, and nothing else is lost. What factoring lost stays lost; ``mvc revert``
takes that back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compress.edit import Dense, Edit
from compress.factoring.entry import removed
from compress.matrix import Matrix
from compress.operation import Operation
from mvc.history.record import Json
from mvc.values import dataclass


@dataclass(frozen=True, slots=True)
class Unfactor:
    """``only`` and ``skip`` are globs of names."""

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    version: int = 1


def unfactor(matrix: Matrix, recipe: Unfactor) -> Edit:
    """``matrix``, which comes multiplied, as one."""
    return Edit(Dense(matrix.weight), 0.0, {"rank": None})


def _configure(
    config: dict[str, Any],
    recipe: Unfactor,
    decisions: Mapping[str, Json],
    matrices: Mapping[str, str],
) -> dict[str, Any]:
    return removed(config, decisions)


OPERATION = Operation(
    name="unfactor",
    recipe=Unfactor,
    summary=lambda recipe: "Multiply factors back",
    edit=unfactor,
    needs_gram=lambda recipe: False,
    configure=_configure,
    ends=frozenset({"rank"}),
)
