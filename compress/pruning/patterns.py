"""Which weights go, once each has a score: the lowest, of a matrix, of each row, or of every M in a row.

Owns patterns: ``unstructured``, and ``N:M`` (N of every M neighbours along the input stay, as in 2:4). Pure
functions on scores ``[out, in]``, of which the lowest are pruned; ties fall by place, the first first.
"""

from __future__ import annotations

import re

from compress.matrix import Tensor
from mvc.errors import UsageError

UNSTRUCTURED = "unstructured"
_N_OF_M = re.compile(r"([1-9][0-9]?):([1-9][0-9]?)")


def n_of_m(pattern: str) -> tuple[int, int] | None:
    """``(2, 4)`` for ``2:4``; None for ``unstructured``.

    Raises:
        UsageError: neither.
    """
    if pattern == UNSTRUCTURED:
        return None
    found = _N_OF_M.fullmatch(pattern)
    if found is None or int(found[1]) >= int(found[2]):
        raise UsageError(
            f"'{pattern}' is no pattern", hint="unstructured, or N:M with N < M, as 2:4 or 4:8"
        )
    return int(found[1]), int(found[2])


def check_fits(columns: int, of: int) -> None:
    """Let rows of so many columns be cut into groups of ``of``.

    Raises:
        UsageError: one would be left over.
    """
    if columns % of:
        raise UsageError(
            f"rows of {columns} can't be cut into groups of {of}",
            hint="--pattern unstructured, or --skip the matrix",
        )


def lowest(scores: Tensor, share: float, *, by_row: bool) -> Tensor:
    """True ``[out, in]`` at the ``share`` of lowest scores, of each row or of all."""
    import torch

    table = scores if by_row else scores.reshape(1, -1)
    count = round(table.shape[1] * share)
    gone = torch.zeros_like(table, dtype=torch.bool)
    if count:
        # A stable sort: topk may break ties otherwise on another machine.
        order = torch.argsort(table, dim=1, stable=True)[:, :count]
        gone.scatter_(1, order, True)
    return gone.reshape(scores.shape)


def lowest_of_each(scores: Tensor, keep: int, of: int) -> Tensor:
    """True at the ``of - keep`` lowest scores of every ``of`` neighbours in a row.

    Raises:
        UsageError: the rows are no multiple of ``of`` long.
    """
    rows, columns = scores.shape
    check_fits(columns, of)
    return lowest(scores.reshape(-1, of), (of - keep) / of, by_row=True).reshape(rows, columns)
