"""How large a rank is, and which one a share of the parameters or of the energy asks for. Plain numbers."""

from __future__ import annotations

from collections.abc import Sequence

#: Shares of a matrix' parameters that a budget chooses among, in steps of a twentieth, besides all of it.
SHARES = tuple(step / 20 for step in range(1, 20))


def of_share(keep: float, out: int, inner: int) -> int:
    """⌊keep · out · in / (out + in)⌋, but at least 1: both factors have ``keep`` of the matrix' parameters."""
    # 1e-9: 0.3 · 10 is 2.9999999999999996
    return max(1, int(keep * out * inner / (out + inner) + 1e-9))


def of_energy(share: float, lost: Sequence[float]) -> int:
    """The least rank that keeps ``share`` of the energy; ``lost[k]`` is what rank k leaves out."""
    most = (1 - share) * lost[0]
    return max(1, next(rank for rank, left in enumerate(lost) if left <= most))


def size(rank: int, out: int, inner: int) -> int:
    """Parameters of both factors."""
    return rank * (out + inner)


def smaller(rank: int, out: int, inner: int) -> bool:
    """Whether the factors are smaller than the matrix."""
    return size(rank, out, inner) < out * inner


def some(out: int, inner: int) -> list[int]:
    """The ranks that ``SHARES`` of the matrix make, each once, rising."""
    return sorted({of_share(share, out, inner) for share in SHARES})
