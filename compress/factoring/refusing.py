"""Which matrices an operation may not touch, as they are two factors and would be one matrix again."""

from __future__ import annotations

from compress.matrix import Matrix
from mvc.errors import UsageError


def require_whole(matrix: Matrix) -> None:
    """Let an operation go on that makes one matrix of ``matrix``, unless a rank is in force.

    Raises:
        UsageError: one is.
    """
    if matrix.rank is not None:
        raise UsageError(
            f"{matrix.name}: its factors of rank {matrix.rank} would be one matrix",
            hint="--skip it, or mvc compress unfactor, which multiplies them, first",
        )
