"""A tensor on any number of sides, and what becomes of it: kept, or to be made of all models.

Owns the decision, by dtype, shape and id; never bytes. The three-way rule for two sides is in ``terms.py``; for
more it is the same: what no side or one side changed is taken, or what all that changed it changed alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias, cast

from mvc.merge.recipe import is_combination
from mvc.merge.terms import Clash, Computed, Decision, Kept, Piece, Term, settle
from mvc.values import dataclass

if TYPE_CHECKING:
    from mvc.merge.checks.rows import Rows
    from mvc.merge.strategies.combination import Combination
    from mvc.merge.strategies.strategy import Strategy


@dataclass(frozen=True, slots=True)
class Several:
    """A name in the base and in every model; None where one lacks it."""

    name: str
    base: Piece | None
    models: tuple[Piece | None, ...]

    @property
    def term(self) -> Term:
        """The sides as a conflict has them."""
        ours, theirs, *more = self.models
        return Term(self.name, self.base, ours, theirs, tuple(more))


@dataclass(frozen=True, slots=True)
class ToMake:
    """Settled by a tensor that ``combination`` makes of the models, all of which have it in one shape, or,
    where ``rows`` says which belong together, with rows of their own."""

    name: str
    base: Piece | None
    models: tuple[Piece, ...]
    statistics: tuple[Piece | None, ...]
    combination: Combination
    rows: Rows | None = None


Settled: TypeAlias = Decision | ToMake


def several(base: Mapping[str, Piece], models: Sequence[Mapping[str, Piece]]) -> list[Several]:
    """Every name that a side has, sorted."""
    names = sorted({*base, *(name for model in models for name in model)})
    return [Several(n, base.get(n), tuple(model.get(n) for model in models)) for n in names]


def decide(
    one: Several,
    chosen: Strategy | Combination | None,
    statistics: Sequence[Mapping[str, Piece]] = (),
) -> Settled:
    """What ``chosen`` makes of a tensor; ``statistics``: each model's, by tensor."""
    if not is_combination(chosen):
        return _three_way(one, cast("Strategy | None", chosen))
    values = [_value(piece) for piece in one.models]
    alike = all(value == values[0] for value in values[1:])
    if alike and chosen.keeps_equal:
        same = not chosen.needs_base or one.base is None or _value(one.base) == values[0]
        if same or one.models[0] is None:
            changed = _value(one.base) != values[0]
            return Kept(one.models[0], "both" if changed else "unchanged")
    refused = _refused(one, chosen)
    if refused is not None:
        settled = _three_way(one, None)
        return Clash(one.term, refused) if isinstance(settled, Clash) else settled
    models = tuple(piece for piece in one.models if piece is not None)
    known = tuple(of.get(one.name) for of in statistics)
    return ToMake(one.name, one.base if chosen.needs_base else None, models, known, chosen)


def _refused(one: Several, chosen: Combination) -> str | None:
    """Why a strategy can't make this tensor; completes "the tensor …"."""
    from mvc.merge.strategies.numbers import FLOATS

    entries = [piece.entry for piece in one.models if piece is not None]
    if len(entries) < len(one.models):
        return f"is not in every model, as {chosen.name} needs it"
    for entry in entries:
        if entry.dtype not in FLOATS:
            return f"is {entry.dtype}, which {chosen.name} can't compute with"
        if entry.shape != entries[0].shape:
            shapes = f"{list(entries[0].shape)} in one model and {list(entry.shape)} in another"
            return f"is {shapes}"
    if not chosen.needs_base:
        return None
    if one.base is None:
        return f"has no common ancestor, and {chosen.name} merges what changed since"
    if one.base.entry.dtype not in FLOATS or one.base.entry.shape != entries[0].shape:
        return f"was {one.base.entry.dtype} {list(one.base.entry.shape)} in the common ancestor"
    return None


def _three_way(one: Several, strategy: Strategy | None) -> Decision:
    base = _value(one.base)
    changed = [n for n, piece in enumerate(one.models) if _value(piece) != base]
    if not changed:
        return Kept(one.models[0], "unchanged")
    first, last = changed[0], changed[-1]
    if all(_value(one.models[n]) == _value(one.models[first]) for n in changed):
        how = "both" if len(changed) > 1 else "ours" if first == 0 else "theirs"
        return Kept(one.models[first], how)
    term = Term(one.name, one.base, one.models[first], one.models[last])
    if strategy is None:
        return Clash(one.term, "was changed on several sides")
    settled = settle(term, strategy)
    if isinstance(settled, Clash):
        return Clash(one.term, settled.reason)
    if isinstance(settled, Computed) and len(changed) > 2:
        return Clash(one.term, f"was changed on more sides than {strategy.name} computes with")
    return settled


def _value(piece: Piece | None) -> object:
    return None if piece is None else piece.value
