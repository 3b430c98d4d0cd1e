"""A merge of several adapters: which modules they have, what becomes of each, the files of the result.

Owns the new ranks and the settings that go with them: of a module whose product is made anew the scale is 1.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import partial
from typing import Any

import numpy as np

from mvc.errors import ModelMismatch, UsageError
from mvc.history.git import Files
from mvc.history.snapshot import Snapshot
from mvc.merge.adapters.joining import (
    SUMS,
    Joint,
    Member,
    Shared,
    closest,
    of_factors,
    side_by_side,
)
from mvc.merge.adapters.reading import Adapter, Factors, read_adapter, settings_of
from mvc.merge.compose import CHECKSUMMED
from mvc.merge.grouping import ModelSide, read_side
from mvc.merge.job import Job
from mvc.merge.making import Bench
from mvc.merge.many import ToMake, decide, several
from mvc.merge.models import MergedModel
from mvc.merge.producing import Planned, make_all
from mvc.merge.recipe import Choices, Recipe, is_combination
from mvc.merge.several_models import laid_out
from mvc.merge.slots import Slot
from mvc.merge.strategies.combination import Place
from mvc.merge.strategies.numbers import common_dtype, compute_dtype
from mvc.merge.terms import Decision, Kept, Piece
from mvc.merge.texts import write_text
from mvc.store.source import Candidate
from mvc.values import dataclass

CAT, SVD, FACTORS = "cat", "svd", "factors"


@dataclass(slots=True)
class _Result:
    """``ranks``: of each module of the result its rank and alpha; ``norms``: squares, kept and whole."""

    decisions: dict[str, Decision] = field(default_factory=dict)
    planned: list[Planned] = field(default_factory=list)
    ranks: dict[str, tuple[int, float]] = field(default_factory=dict)
    norms: list[tuple[float, float]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class United:
    """``settings`` is the text of the file at ``path``; None where it stays as the ``first`` model has it."""

    model: MergedModel
    settings: bytes | None
    path: str
    first: Slot
    notes: list[str]

    def put_beside(self, job: Job, files: Files) -> None:
        """Put the settings among the ``files``."""
        if self.settings is None:
            files[self.path] = self.first
        else:
            files[self.path] = (self.first[0], write_text(job, self.settings))


def merge_adapters(
    job: Job,
    bench: Bench,
    sides: Sequence[Snapshot],
    path: str,
    choices: Choices,
    recipe: Recipe,
) -> United:
    """Merge the adapters at ``path`` of ``sides``, the base first.

    Raises:
        UsageError: they are of a kind that has no merge.
        ModelMismatch: they were trained for different models.
    """
    store = job.context.store
    base = read_adapter(store, sides[0], path) if path in sides[0] else None
    models = [read_adapter(store, side, path) for side in sides[1:]]
    having = [adapter for adapter in (base, *models) if adapter is not None]
    _refuse(path, having)
    found = _Result()
    for module in sorted({module for adapter in having for module in adapter.modules}):
        chosen = choices.of(f"{module}.weight")
        if not is_combination(chosen):
            raise UsageError(
                f"a rule gives {module} of {path} no strategy over models; factors have no other"
            )
        members = tuple(Member.of(adapter, module) for adapter in models)
        joint = Joint(module, Member.of(base, module), members, chosen)
        _Module(bench, recipe, joint, models, found).decide()
    read = [read_side(store, side, frozenset({path})) or ModelSide() for side in sides]
    _decide_whole(bench, read, choices, found)
    kind = next(iter(read[1].files.values())).format
    made = make_all(job.pack, found.planned, checksums=kind in CHECKSUMMED, progress=job.progress)
    decisions = dict(sorted({**found.decisions, **made}.items()))
    model = laid_out(job, sides, decisions, read[0], read[1:])
    own = settings_of(path)
    same = not found.planned and all(
        adapter.settings.values == models[0].settings.values for adapter in models
    )
    settings = None if same else _settings(models, found.ranks)
    return United(model, settings, own, sides[1][own], _notes(path, found))


@dataclass(frozen=True, slots=True)
class _Module:
    bench: Bench
    recipe: Recipe
    joint: Joint
    models: Sequence[Adapter]
    into: _Result

    def decide(self) -> None:
        """Keep the module where all adapters have it alike, else plan its new factors."""
        joint = self.joint
        first = joint.models[0]
        alike = {None if one is None else one.identity for one in joint.models}
        base = joint.base.identity if joint.base is not None else None
        needs = joint.chosen.needs_base
        if len(alike) == 1 and joint.chosen.keeps_equal and (not needs or base in alike):
            if first is not None:
                self._keep(first)
            return
        _refuse_shapes(joint)
        rank = self._rank()
        if rank:
            self._plan(rank)

    def _keep(self, member: Member) -> None:
        factors = member.factors
        for piece in (factors.a, factors.b):
            self.into.decisions[piece.entry.name] = Kept(piece, "unchanged")
        self.into.ranks[self.joint.module] = (factors.rank, member.scale * factors.rank)

    @property
    def _how(self) -> str:
        sums = self.joint.chosen.name in SUMS
        return self.recipe.adapters or (CAT if sums and self.recipe.rank is None else SVD)

    def _rank(self) -> int:
        joint = self.joint
        if self._how == CAT:
            if joint.chosen.name not in SUMS:
                raise UsageError(
                    f"{joint.chosen.name} is no sum, and has no factors side by side",
                    hint="mvc merge --adapters svd --rank 16",
                )
            return sum(group[0][1].factors.rank for group in joint.parts())
        ranks = [member.factors.rank for member in joint.members]
        if self._how == FACTORS:
            if len(set(ranks)) > 1 or None in joint.models:
                raise UsageError(
                    f"{joint.module} has not one rank in all adapters, and its factors can't be merged",
                    hint="mvc merge --adapters svd",
                )
            return ranks[0]
        if joint.chosen.name in SUMS and not joint.parts():
            return 0
        a, b = joint.members[0].factors.a.entry, joint.members[0].factors.b.entry
        most = min(int(np.prod(a.shape[1:])), b.shape[0])
        if joint.chosen.name in SUMS:
            most = min(most, sum(group[0][1].factors.rank for group in joint.parts()))
        return min(self.recipe.rank or max(ranks), most)

    def _plan(self, rank: int) -> None:
        joint, members = self.joint, self.joint.members
        like = members[0].factors
        kinds = tuple(
            common_dtype(tuple(_pieces(m.factors, which) for m in members)) for which in "ab"
        )
        wide = compute_dtype(kinds, self.recipe.dtype)
        place = Place(f"{joint.module}.weight", self.recipe.seed)
        store = self.bench.store

        def compute() -> tuple[Any, Any]:
            if self._how == CAT:
                return side_by_side(store, joint)
            if self._how == FACTORS:
                return of_factors(store, joint, place, wide)
            short = closest(store, joint, rank, place, wide)
            self.into.norms.append((short.kept, short.whole))
            return short.pair

        shared = Shared(compute, (kinds[0], kinds[1]))
        a, b = like.a.entry, like.b.entry
        shapes = ((rank, *a.shape[1:]), (b.shape[0], rank, *b.shape[2:]))
        inputs, outputs = int(np.prod(a.shape[1:])), b.shape[0]
        whole = 0 if joint.chosen.name in SUMS else inputs * outputs * (len(members) + 4)
        cost = 8 * (whole + 3 * rank * (inputs + outputs))
        for which, entry in enumerate((a, b)):
            pieces = [(m.factors.a, m.factors.b)[which] for m in members]
            self.into.planned.append(
                Planned(
                    entry.name, kinds[which], shapes[which], cost // 2, partial(shared.take, which),
                    partial(_candidates, pieces),
                )
            )  # fmt: skip
        self.into.ranks[joint.module] = (rank, float(rank))


def _pieces(factors: Factors, which: str) -> str:
    return (factors.a if which == "a" else factors.b).entry.dtype


def _candidates(pieces: Sequence[Piece]) -> list[Candidate]:
    entries = [piece.entry for piece in pieces if piece.entry.storage is None]
    return [Candidate(entry.id, entry.dtype) for entry in entries]


def _decide_whole(
    bench: Bench, read: Sequence[ModelSide], choices: Choices, found: _Result
) -> None:
    """What is no factor: heads and biases that were trained as they are."""
    for one in several(read[0].pieces, [side.pieces for side in read[1:]]):
        if ".lora_" in one.name:
            continue
        decision = decide(one, choices.of(one.name))
        if isinstance(decision, ToMake):
            found.planned.append(bench.plan(decision))
        else:
            found.decisions[one.name] = decision


def _refuse(path: str, adapters: Sequence[Adapter]) -> None:
    for adapter in adapters:
        for module, factors in adapter.modules.items():
            if factors.magnitude is not None or factors.bias is not None:
                kind = "DoRA" if factors.magnitude is not None else "a LoRA with biases"
                raise UsageError(
                    f"{path}: {module} is {kind}, which adds up with no other adapter",
                    hint="mvc merge --adapter merges it into its base",
                )
    first = adapters[0]
    for adapter in adapters[1:]:
        if adapter.prefix != first.prefix:
            raise UsageError(f"{path}: the adapters name their modules differently")
        if adapter.settings.transposed != first.settings.transposed:
            raise ModelMismatch(
                f"{path}: fan_in_fan_out differs, so the adapters have different bases"
            )


def _refuse_shapes(joint: Joint) -> None:
    kinds = {
        (m.factors.embedding, m.factors.a.entry.shape[1:], m.factors.b.entry.shape[0])
        for m in joint.members
    }
    if len(kinds) > 1:
        sizes = " and ".join(
            f"{'×'.join(map(str, inputs))} to {outputs}" for _, inputs, outputs in sorted(kinds)
        )
        raise ModelMismatch(f"{joint.module} goes from {sizes}: the adapters have different bases")


def _notes(path: str, found: _Result) -> list[str]:
    whole = sum(whole for _, whole in found.norms)
    if not whole:
        return []
    share = np.sqrt(sum(kept for kept, _ in found.norms) / whole)
    return [f"{path}: its ranks keep {share:.2%} of the merged change, by its norm"]


def _settings(models: Sequence[Adapter], ranks: Mapping[str, tuple[int, float]]) -> bytes:
    """The first adapter's settings with the new ranks, as PEFT writes them."""
    values = dict(models[0].settings.values)
    usual = Counter(ranks.values()).most_common(1)
    rank, alpha = usual[0][0] if usual else (1, 1.0)
    values |= {
        "r": rank,
        "lora_alpha": _whole(alpha),
        "use_rslora": False,
        "rank_pattern": {m: r for m, (r, _) in ranks.items() if r != rank},
        "alpha_pattern": {m: _whole(a) for m, (r, a) in ranks.items() if a != alpha},
    }
    for key in ("target_modules", "modules_to_save"):
        values[key] = _union([model.settings.values.get(key) for model in models], ranks, key)
    return (json.dumps(values, indent=2, sort_keys=True) + "\n").encode()


def _whole(number: float) -> int | float:
    return int(number) if number == int(number) else number


def _union(found: Sequence[Any], ranks: Mapping[str, object], key: str) -> Any:
    if all(one == found[0] for one in found[1:]):
        return found[0]
    lists = [one for one in found if isinstance(one, list)]
    if len(lists) == len([one for one in found if one]):
        return sorted({name for one in lists for name in one if isinstance(name, str)})
    return sorted(ranks) if key == "target_modules" else found[0]
