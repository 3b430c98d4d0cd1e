"""The three-way rule for one tensor, by dtype, shape and id; where it lies in a file does not count.

Owns the decision, never bytes: a side's tensor is a ``Piece``, an entry with the manifest that says where
its bytes are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from mvc.history.manifest import Entry, Manifest
from mvc.merge.strategies.strategy import Blend, Side, Strategy, Undecided
from mvc.values import dataclass


@dataclass(frozen=True, slots=True)
class Piece:
    """A tensor of one side; ``home`` holds the storages that a view looks into."""

    entry: Entry
    home: Manifest


@dataclass(frozen=True, slots=True)
class Term:
    """A name on the three sides; None where a side lacks it."""

    name: str
    base: Piece | None
    ours: Piece | None
    theirs: Piece | None

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


def decide(term: Term, strategy: Strategy | None) -> Decision:
    """What becomes of a tensor: a side's that alone changed is taken, else ``strategy`` decides."""
    base, ours, theirs = (_value(p) for p in (term.base, term.ours, term.theirs))
    if ours == theirs:
        return Kept(term.ours, "unchanged" if base == ours else "both")
    if base == ours:
        return Kept(term.theirs, "theirs")
    if base == theirs:
        return Kept(term.ours, "ours")
    if strategy is None:
        return Clash(term, _reason(term))
    return settle(term, strategy)


def settle(term: Term, strategy: Strategy) -> Decision:
    """What ``strategy`` makes of a tensor that both sides changed."""
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
    return None if piece is None else piece.entry.value


def _reason(term: Term) -> str:
    if term.base is None:
        return "was added on both sides"
    if term.ours is None or term.theirs is None:
        side = "ours" if term.ours is None else "theirs"
        return f"was deleted by {side} and changed by the other side"
    return "was changed on both sides"
