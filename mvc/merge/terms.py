"""The three-way rule for one tensor, by dtype, shape and id; where it lies in a file does not count.

Owns the decision, never bytes: a side's tensor is a ``Piece``, an entry with the manifest that says where
its bytes are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from mvc.history.manifest import Conflict, Entry, Manifest
from mvc.merge.strategies.strategy import Blend, Side, Strategy, Undecided
from mvc.values import dataclass


@dataclass(frozen=True, slots=True)
class Piece:
    """A tensor of one side; ``home`` holds the storages that a view looks into.

    Of one that is undecided there ``conflict`` has the sides, and ``entry`` is the first that there is.
    """

    entry: Entry
    home: Manifest
    conflict: Conflict | None = None

    @property
    def value(self) -> object:
        """What makes two pieces the same tensor."""
        return self.conflict or self.entry.value


def pieces_of(manifest: Manifest) -> Iterator[Piece]:
    """The tensors of a file, undecided ones too."""
    for entry in manifest.tensors:
        yield Piece(entry, manifest)
    for conflict in manifest.conflicts:
        sides = [side for side in (*conflict.models, conflict.base) if side is not None]
        if sides:  # else a stranger wrote it: no merge makes one of nothing
            yield Piece(sides[0], manifest, conflict)


@dataclass(frozen=True, slots=True)
class Term:
    """A name on the three sides; None where a side lacks it. ``more``: the sides after ``theirs``."""

    name: str
    base: Piece | None
    ours: Piece | None
    theirs: Piece | None
    more: tuple[Piece | None, ...] = ()

    @property
    def sides(self) -> tuple[Piece | None, ...]:
        """All of them, the base first."""
        return (self.base, self.ours, self.theirs, *self.more)

    @property
    def undecided(self) -> bool:
        """Whether a side has a conflict in place of the tensor."""
        return any(piece is not None and piece.conflict is not None for piece in self.sides)

    def side(self, side: Side) -> Piece | None:
        """One of the three."""
        return {"base": self.base, "ours": self.ours, "theirs": self.theirs}[side]


@dataclass(frozen=True, slots=True)
class Kept:
    """Settled by taking a piece, or by leaving the tensor out (None). ``how``: who decided."""

    piece: Piece | None
    how: str  # unchanged | ours | theirs | both | strategy


@dataclass(frozen=True, slots=True)
class Computed:
    """Settled by a new tensor."""

    term: Term
    blend: Blend


@dataclass(frozen=True, slots=True)
class Made:
    """Settled by a new tensor that is in the store already; ``checksum``: the CRC-32 of its bytes, if asked."""

    entry: Entry
    checksum: int | None = None


@dataclass(frozen=True, slots=True)
class Clash:
    """Not settled; ``reason`` completes "the tensor …"."""

    term: Term
    reason: str


Decision: TypeAlias = Kept | Computed | Made | Clash

_UNDECIDED = "is undecided on one side and changed on another"


def decide(term: Term, strategy: Strategy | None) -> Decision:
    """What becomes of a tensor: a side's that alone changed is taken, else ``strategy`` decides."""
    base, ours, theirs = (_value(p) for p in (term.base, term.ours, term.theirs))
    if ours == theirs:
        return Kept(term.ours, "unchanged" if base == ours else "both")
    if base == ours:
        return Kept(term.theirs, "theirs")
    if base == theirs:
        return Kept(term.ours, "ours")
    if term.undecided:  # it can be taken whole, and not computed with
        side = None if strategy is None else strategy.file_side
        return Kept(term.side(side), "strategy") if side else Clash(term, _UNDECIDED)
    if strategy is None:
        return Clash(term, reason(tuple(map(_entry, term.sides))))
    return settle(term, strategy)


def settle(term: Term, strategy: Strategy) -> Decision:
    """What ``strategy`` makes of a tensor that several sides changed."""
    if term.more:
        if strategy.file_side in ("base", "ours"):
            return Kept(term.side(strategy.file_side), "strategy")
        others = "which of them is theirs?" if strategy.file_side else "linear takes as many"
        return Clash(term, f"has {len(term.sides) - 1} sides: {others}")
    verdict = strategy.settle(_entry(term.base), _entry(term.ours), _entry(term.theirs))
    if isinstance(verdict, Undecided):
        return Clash(term, verdict.reason)
    if isinstance(verdict, Blend):
        return Computed(term, verdict)
    return Kept(term.side(verdict), "strategy")


def terms(
    base: Mapping[str, Piece], ours: Mapping[str, Piece], theirs: Mapping[str, Piece]
) -> list[Term]:
    """Every name that a side has, sorted."""
    names = sorted({*base, *ours, *theirs})
    return [Term(n, base.get(n), ours.get(n), theirs.get(n)) for n in names]


def _entry(piece: Piece | None) -> Entry | None:
    return None if piece is None else piece.entry


def _value(piece: Piece | None) -> object:
    return None if piece is None else piece.value


def reason(sides: tuple[Entry | None, ...]) -> str:
    """Why a tensor with these sides, the base first, is undecided; completes "the tensor …"."""
    base, *models = sides
    every = "both sides" if len(models) == 2 else f"{len(models)} sides"
    if base is None:
        return f"was added on {every}" if None not in models else "was added on several sides"
    if None in models:
        if len(models) > 2:
            return "was deleted on one side and changed on another"
        side = "ours" if models[0] is None else "theirs"
        return f"was deleted by {side} and changed by the other side"
    return "was changed on both sides" if len(models) == 2 else "was changed on several sides"
