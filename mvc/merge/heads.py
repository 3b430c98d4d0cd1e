"""What a merge of any number of revisions starts from: its parents, the models it is made of, their base.

A model that a recipe made is merged again from what it was made of, not from itself: the mean of a mean and a
third model is no mean of three.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mvc.errors import UsageError
from mvc.history import log
from mvc.history.commits import record_of
from mvc.history.context import Context
from mvc.history.gitobjects import ObjectWriter
from mvc.history.record import Json, Record, trailer
from mvc.ids import CommitId
from mvc.merge.bases import merge_base
from mvc.merge.recipe import Recipe
from mvc.merge.uniting import Contributions
from mvc.values import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """The commits that a merge's tensors come from, and the commit of their base where it is one."""

    models: tuple[CommitId, ...]
    base: CommitId | None

    def written(self, context: Context) -> dict[str, Json]:
        """As a commit's record has it: each commit with the Merkle root of its weights."""

        def named(id_: CommitId) -> Json:
            return {"commit": id_, "root": trailer(context.git.commit(id_).message)}

        return {
            "models": [named(id_) for id_ in self.models],
            "base": None if self.base is None else named(self.base),
        }


def independent(context: Context, heads: Sequence[CommitId]) -> list[CommitId]:
    """``heads`` without those that another one comes after, as Git's octopus has it."""
    ancestor = context.git.is_ancestor
    heads = list(dict.fromkeys(heads))
    return [h for h in heads if not any(h != other and ancestor(h, other) for other in heads)]


def origin_of(context: Context, models: Sequence[CommitId]) -> Origin:
    """Where a merge of ``models`` starts.

    Raises:
        UsageError: they have no common ancestor.
    """
    bases = list(models[:1])
    for model in models[1:]:
        found = [base for one in bases for base in context.git.merge_bases(one, model)]
        bases = independent(context, found) if len(models) > 2 else found
    if not bases:
        raise UsageError("refusing to merge unrelated histories")
    if len(models) > 2:
        # By age, then id: the same base whatever the order of the models.
        bases.sort(key=lambda id_: (context.git.commit(id_).committer.time, id_))
        del bases[1:]
    return Origin(tuple(models), bases[0] if len(bases) == 1 else None)


def contributions(context: Context, objects: ObjectWriter, origin: Origin) -> Contributions:
    """The snapshots of ``origin``; of a criss-cross history the base is a merge of bases."""
    models = tuple(log.snapshot(context, id_) for id_ in origin.models)
    if origin.base is not None:
        return Contributions(log.snapshot(context, origin.base), models)
    virtual = merge_base(context, objects, *origin.models)
    if virtual is None:
        raise UsageError("refusing to merge unrelated histories")
    return Contributions(virtual, models)


def originals(
    context: Context, heads: Sequence[CommitId], recipe: Recipe
) -> tuple[list[CommitId], Recipe]:
    """What ``heads`` were merged from by recipes, and ``recipe`` with the weights that were used then.

    A model that went on since stands in for its earlier state. Weights that are given stay.
    """
    found: list[tuple[CommitId, float]] = []
    expanded = False
    for head in heads:
        record = record_of(context, context.git.commit(head))
        made_of = recorded_models(record)
        expanded = expanded or bool(made_of)
        weights = _weights(record, len(made_of))
        found += zip(made_of, weights, strict=True) if made_of else [(head, 1.0)]
    if not expanded:
        return list(heads), recipe
    newest: dict[CommitId, float] = {}
    for model, weight in found:
        later = [o for o, _ in found if o != model and context.git.is_ancestor(model, o)]
        newest.setdefault(independent(context, later)[0] if later else model, weight)
    weights = list(newest.values())
    if "weight" not in recipe.parameters and any(weight != 1 for weight in weights):
        recipe = replace(recipe, parameters={**recipe.parameters, "weight": weights})
    return list(newest), recipe


def recorded_models(record: Record | None) -> tuple[CommitId, ...]:
    """The commits that a recipe merged, of the record of its merge; none of any other."""
    models = None if record is None else record.parameters.get("models")
    if not isinstance(models, list):
        return ()
    return tuple(CommitId(str(one["commit"])) for one in models if isinstance(one, dict))


def _weights(record: Record | None, models: int) -> list[float]:
    given = None if record is None else record.parameters.get("parameters")
    weight = given.get("weight", 1.0) if isinstance(given, Mapping) else 1.0
    if isinstance(weight, list) and len(weight) == models:
        return [float(one) for one in weight if isinstance(one, (int, float))]
    return [1.0] * models
