"""The seam: how a tensor that both sides changed is settled.

A strategy sees dtypes, shapes and ids, and says which side to take, how to compute a new tensor, or why it
can't tell. It never sees a path, the store or a commit, and is given bytes only block by block.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol, TypeAlias

from mvc.history.manifest import Entry
from mvc.values import dataclass

Side: TypeAlias = Literal["base", "ours", "theirs"]
Buffer: TypeAlias = "bytes | bytearray | memoryview"


@dataclass(frozen=True, slots=True)
class Blend:
    """A new tensor, each element of which comes from the elements at the same place of ``sides``.

    ``block`` is given the same stretch of each side, whole elements in row-major little-endian form, and
    gives back that stretch of the result. It is called from several threads, may see a stretch twice,
    and must then give the same bytes.
    """

    dtype: str
    shape: tuple[int, ...]
    sides: tuple[Side, ...]
    block: Callable[[tuple[Buffer, ...]], Buffer]


@dataclass(frozen=True, slots=True)
class Undecided:
    """The tensor stays a conflict; ``reason`` completes "the tensor …"."""

    reason: str


Verdict: TypeAlias = Side | Blend | Undecided


class Strategy(Protocol):
    """One way to settle conflicts. Stateless; an instance is a registry entry.

    ``file_side`` settles what has no tensors to compute with (other files, metadata, deletions): the side
    to take, or None to leave it to the user.
    """

    @property
    def name(self) -> str:
        """What ``--strategy`` calls it."""
        ...

    @property
    def file_side(self) -> Side | None:
        """The side that settles what is not a tensor."""
        ...

    def settle(self, base: Entry | None, ours: Entry | None, theirs: Entry | None) -> Verdict:
        """What becomes of a tensor that both sides changed differently.

        A side that lacks the tensor is None (at most one of ``ours`` and ``theirs`` is); taking that side
        means that the result lacks it too. Never raises.
        """
        ...
