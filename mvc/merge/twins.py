"""Tensors that a model holds under several names: made once, so that tied weights stay tied.

Owns which of the tensors to make are the same, and giving a decision to another name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mvc.merge.many import Settled, ToMake
from mvc.merge.terms import Clash, Decision, Kept, Made, Piece, Term


def renamed(decision: Decision, name: str) -> Decision:
    """The same for a tensor that is tied to it; a conflict has both of them."""
    if isinstance(decision, Made):
        return Made(decision.entry._replace(name=name), decision.checksum)
    if isinstance(decision, Kept):
        return Kept(_renamed(decision.piece, name), decision.how)
    if isinstance(decision, Clash):
        base, ours, theirs, *more = (_renamed(piece, name) for piece in decision.term.sides)
        return Clash(Term(name, base, ours, theirs, tuple(more)), decision.reason)
    return decision


def _renamed(piece: Piece | None, name: str) -> Piece | None:
    return None if piece is None else replace(piece, entry=piece.entry._replace(name=name))


def with_statistics(
    settled: Mapping[str, Settled], statistics: Sequence[Mapping[str, Piece]]
) -> list[ToMake]:
    """The tensors to make; those with rows of their own know their models' statistics only here."""
    found = []
    for name, decision in settled.items():
        if isinstance(decision, ToMake):
            known = tuple(of.get(name) for of in statistics)
            found.append(replace(decision, statistics=known) if decision.rows else decision)
    return found


def once(tasks: Sequence[ToMake]) -> tuple[list[ToMake], dict[str, str]]:
    """What is to be made, each tensor that a model holds under several names once: tied weights stay tied,
    whatever chance does. The mapping has those that are left out, each with its twin."""
    first: dict[object, ToMake] = {}
    twins: dict[str, str] = {}
    for task in tasks:
        pieces = (task.base, *task.models, *task.statistics)
        values = tuple(piece and piece.entry.value for piece in pieces)
        key = (values, id(task.combination), id(task.rows) if task.rows else None)
        twin = first.setdefault(key, task)
        if twin is not task:
            twins[task.name] = twin.name
    return list(first.values()), twins
