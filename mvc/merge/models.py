"""One model, on three sides in one file or many: merged tensor by tensor, then laid out in files again.

The layout is that of the side which changed the sharding, else ours. A file that comes out as a side has
it is that side's very blob; any other is composed. The index follows the tensors.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import field
from fnmatch import fnmatchcase
from typing import Any

from mvc.errors import FormatError, MergeConflict
from mvc.formats.sharded import ShardIndex, render_index
from mvc.history.git import Files
from mvc.history.manifest import Manifest
from mvc.history.snapshot import Snapshot
from mvc.history.tensors import tensor_nbytes
from mvc.history.unfinished import FileConflict
from mvc.merge.compose import build
from mvc.merge.content import Content, merge_content
from mvc.merge.grouping import ModelSide, read_side
from mvc.merge.job import Job
from mvc.merge.slots import Slots
from mvc.merge.terms import Clash, Computed, Decision, Kept, Made, decide, terms
from mvc.merge.texts import write_text
from mvc.values import dataclass

Sides = tuple[Snapshot, Snapshot, Snapshot]


@dataclass(slots=True)
class MergedModel:
    """``files``: the model's files in the result; a path of the group that is not here is gone.

    ``undecided``: the tensors, by path, that this merge could not settle; one that a side had so is not new.
    """

    files: Files = field(default_factory=dict)
    manifests: dict[str, Manifest] = field(default_factory=dict)
    conflicts: dict[str, FileConflict] = field(default_factory=dict)
    undecided: dict[str, tuple[str, ...]] = field(default_factory=dict)
    tally: Counter[str] = field(default_factory=Counter)


def merge_model(job: Job, sides: Sides, group: frozenset[str]) -> MergedModel | None:
    """Merge the files ``group`` as one model; None where they can't be, and stand for themselves."""
    store = job.context.store
    base, ours, theirs = (read_side(store, side, group) for side in sides)
    if ours is None or theirs is None:
        return None
    base, whole = base or ModelSide(), theirs
    if job.only:
        theirs = _narrowed(base, whole, job.only)
        sides = (sides[0], sides[1], sides[0] if base.files else sides[2])
    # Of a file that theirs added, some tensors can be taken where ours has none.
    fresh = bool(job.only) and not base.files
    if not theirs.files or not (ours.files or fresh):
        return None
    kinds = {manifest.format for side in (ours, theirs) for manifest in side.files.values()}
    if kinds != {m.format for m in base.files.values()} | kinds:
        base = ModelSide()
    if len(kinds) > 1:
        return None
    decisions = {
        term.name: decide(term, job.strategy)
        for term in terms(base.pieces, ours.pieces, theirs.pieces)
    }
    refuse_undecided(decisions.values(), ours, theirs)
    if any(isinstance(decision, Computed) for decision in decisions.values()):
        from mvc.merge.checks.objections import (
            objected,  # numbers of tensors, which most merges need not
        )

        decisions = objected(store, sides, group, decisions)
    resharded = moved(base, theirs) and not moved(base, ours)
    shape = theirs if resharded or not ours.files else ours
    other = ours if shape is theirs else theirs
    result = MergedModel(tally=count(decisions))
    placed = place(decisions, shape, other)
    for path, names in placed.items():
        if shape.index is not None and not names and shape.files[path].tensors:
            continue  # all its tensors were deleted
        if job.only and not names and not (path in whole.files and path in ours.files):
            continue  # and so was the file, or none of its tensors is taken
        here = {name: decisions[name] for name in names}
        try:
            _merge_file(job, result, sides, path, here, shape, (base, ours, theirs))
        except FormatError:
            return None
    put_index(job, result, sides, (base, ours, theirs), shape)
    return result


def refuse_undecided(decisions: Iterable[Decision], *models: ModelSide) -> None:
    """Let a merge go on unless a tensor was changed that a side has not decided.

    Raises:
        MergeConflict: one was.
    """
    for decision in decisions:
        if isinstance(decision, Clash) and decision.term.undecided:
            name = decision.term.name
            path = next(model.places[name] for model in models if name in model.places)
            raise undecided_there(path, name, "the other side has changed it; nothing has changed")


def undecided_there(path: str, name: str, why: str) -> MergeConflict:
    """What to say of a conflict that stands in the way."""
    return MergeConflict(
        f"{path}: the tensor {name!r} is undecided on one side, and {why}",
        hint="mvc conflicts REVISION shows it; mvc resolve settles it where it is",
    )


def _narrowed(base: ModelSide, theirs: ModelSide, globs: tuple[str, ...]) -> ModelSide:
    """``base`` with the tensors that a glob names as ``theirs`` has them."""
    home = base if base.files else theirs
    pieces = {name: piece for name, piece in base.pieces.items() if not _named(name, globs)}
    pieces |= {name: piece for name, piece in theirs.pieces.items() if _named(name, globs)}
    places = {**theirs.places, **base.places}
    return ModelSide(
        home.files, home.index_path, home.index, pieces, {name: places[name] for name in pieces}
    )


def _named(name: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)


def _merge_file(
    job: Job,
    result: MergedModel,
    sides: Sides,
    path: str,
    decisions: Mapping[str, Decision],
    shape: ModelSide,
    models: tuple[ModelSide, ModelSide, ModelSide],
) -> None:
    base, ours, theirs = (model.files.get(path) for model in models)
    if ours is None or theirs is None:
        content = Content(shape.files[path])
    else:
        content = merge_content(job.context.store, base, ours, theirs, job.strategy)
    slots = Slots.of(sides, path)
    if content.clash:
        result.conflicts[path] = slots.conflict("metadata")
    for manifest, slot in ((ours, slots.ours), (theirs, slots.theirs)):
        if manifest is None or slot is None or not content.is_of(manifest):
            continue
        if is_exactly(manifest, decisions):
            result.manifests[path] = manifest
            result.files[path] = (slots.mode, slot[1])
            return
    if clashes := [name for name, d in decisions.items() if isinstance(d, Clash)]:
        result.undecided[path] = tuple(sorted(clashes))
    built = build(job, content, list(decisions.values()))
    result.manifests[path] = built
    result.files[path] = (slots.mode, job.objects.blob(built.encode()))


def is_exactly(manifest: Manifest, decisions: Mapping[str, Decision]) -> bool:
    """Whether the decided tensors are those of a side's file, so that it can stay as it is."""
    wanted: dict[str, object] = {}
    for name, decision in decisions.items():
        if isinstance(decision, Made):
            wanted[name] = decision.entry.value
            continue
        if not isinstance(decision, Kept):
            return False
        if decision.piece is not None:
            wanted[name] = decision.piece.value
    return wanted == manifest.values


def moved(base: ModelSide, side: ModelSide) -> bool:
    """Whether ``side`` cut the model into other files than ``base``."""
    if not base.files:
        return False
    return base.files.keys() != side.files.keys() or any(
        side.places.get(name, place) != place for name, place in base.places.items()
    )


def place(
    decisions: Mapping[str, Decision], shape: ModelSide, other: ModelSide
) -> dict[str, list[str]]:
    """The names in each file of ``shape``; a tensor that is new to it goes where ``other`` has it, or, where
    ``shape`` has no such file, to its neighbour's by name."""
    placed: dict[str, list[str]] = {path: [] for path in shape.files}
    known = sorted(shape.places)
    for name, decision in decisions.items():
        if isinstance(decision, Kept) and decision.piece is None:
            continue
        path = shape.places.get(name) or other.places.get(name)
        if path not in placed:
            near = known[max(0, bisect_left(known, name) - 1)] if known else None
            path = shape.places[near] if near is not None else min(placed)
        placed[path].append(name)
    return placed


def count(decisions: Mapping[str, Decision]) -> Counter[str]:
    """How many tensors were settled in which way; see ``Merged.tally``."""
    tally: Counter[str] = Counter()
    for decision in decisions.values():
        if isinstance(decision, Kept):
            tally[decision.how] += 1
        else:
            tally["conflict" if isinstance(decision, Clash) else "strategy"] += 1
    return tally


def put_index(
    job: Job,
    result: MergedModel,
    sides: Sides,
    models: tuple[ModelSide, ModelSide, ModelSide],
    shape: ModelSide,
) -> None:
    """Bring the index of a sharded model in line with the files in ``result``."""
    path = shape.index_path
    if path is None:
        return
    merged = _merge_metadata([model.index for model in models], job)
    slots = Slots.of(sides, path)
    for slot, model in ((slots.ours, models[1]), (slots.theirs, models[2])):
        if slot is None or model.index is None or model.index_path != path:
            continue
        if model.index == reindexed(result.manifests, merged, model.files, model.index):
            result.files[path] = (slots.mode, slot[1])
            return
    index = reindexed(result.manifests, merged)
    text = render_index(index.weight_map, index.metadata)
    result.files[path] = (slots.mode, write_text(job, text))


def reindexed(
    files: Mapping[str, Manifest],
    metadata: Mapping[str, Any],
    before: Mapping[str, Manifest] | None = None,
    index: ShardIndex | None = None,
) -> ShardIndex:
    """The index of ``files``, its totals counted anew where ``metadata`` has them.

    Where the totals are those of the files ``before``, their ``index`` is believed: some writers count
    tensors that share memory once.
    """
    weight_map, totals = _weigh(files)
    if before is not None and index is not None and _weigh(before)[1] == totals:
        totals = {key: index.metadata.get(key, total) for key, total in totals.items()}
    counted = {key: total for key, total in totals.items() if key in metadata}
    return ShardIndex(weight_map, {**metadata, **counted})


def _weigh(manifests: Mapping[str, Manifest]) -> tuple[dict[str, str], dict[str, int]]:
    """Where each written tensor is, and the totals that an index may hold."""
    weight_map: dict[str, str] = {}
    totals = {"total_size": 0, "total_parameters": 0}
    for path, manifest in manifests.items():
        for entry in manifest.written:
            weight_map[entry.name] = path.rpartition("/")[2]
            elements = 1
            for extent in entry.shape:
                elements *= extent
            totals["total_size"] += tensor_nbytes(entry)
            totals["total_parameters"] += elements
    return dict(sorted(weight_map.items())), totals


def _merge_metadata(indexes: list[ShardIndex | None], job: Job) -> dict[str, Any]:
    """The indexes' own key-values, three ways; of a key that both changed, the strategy's side or ours."""
    base, ours, theirs = (dict(i.metadata) if i is not None else None for i in indexes)
    if ours is None or theirs is None:
        return ours or theirs or {}
    merged = {}
    absent = object()
    for key in {**ours, **theirs, **(base or {})}:
        values = [side.get(key, absent) for side in (base or {}, ours, theirs)]
        chosen = values[1]
        if values[0] == values[1] or (
            values[2] != values[0]
            and job.strategy is not None
            and job.strategy.file_side == "theirs"
        ):
            chosen = values[2]
        if chosen is not absent:
            merged[key] = chosen
    return merged
