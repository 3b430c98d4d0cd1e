"""One model on any number of sides, in one file or many: each tensor made of all, then laid out in files again.

The layout is ours, unless another side alone cut the model into other files; so is what a file holds besides
tensors. A file that comes out as a side has it is that side's very blob.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mvc import formats
from mvc.history.manifest import BYTES, Manifest
from mvc.history.snapshot import Snapshot
from mvc.merge.checks.settling import Checked, check
from mvc.merge.checks.ways import Ways
from mvc.merge.compose import CHECKSUMMED, build
from mvc.merge.content import Content, merge_content
from mvc.merge.grouping import ModelSide, read_side
from mvc.merge.job import Job
from mvc.merge.making import Bench
from mvc.merge.many import Settled, Several, ToMake, decide, several
from mvc.merge.models import MergedModel, count, is_exactly, moved, place, put_index
from mvc.merge.producing import make_all
from mvc.merge.recipe import Choices, is_combination
from mvc.merge.slots import Slots
from mvc.merge.terms import Clash, Decision, Piece
from mvc.merge.twins import once, renamed, with_statistics


def is_mergeable(store_sides: Sequence[ModelSide | None]) -> bool:
    """Whether every one of the sides has the model, in one format that can be written anew."""
    if any(side is None or not side.files for side in store_sides):
        return False
    kinds = {m.format for side in store_sides if side for m in side.files.values()}
    return len(kinds) == 1 and formats.composer(kinds.pop()) is not None


def has_tensors(sides: Sequence[Snapshot], path: str) -> bool:
    """Whether the file at ``path`` is a model on some side."""
    found = [side.manifest(path) for side in sides if path in side]
    return any(manifest is not None and manifest.format != BYTES for manifest in found)


def merge_several(
    job: Job,
    bench: Bench,
    sides: Sequence[Snapshot],
    group: frozenset[str],
    choices: Choices,
    statistics: Sequence[Mapping[str, Piece]],
    allowed: Ways,
) -> tuple[MergedModel, Checked] | None:
    """Merge the files ``group`` of ``sides``, the base first, as one model; None where they can't be.

    Raises:
        ModelMismatch: they differ in what can't be merged, and no way that is ``allowed`` settles it.
    """
    store = job.context.store
    found = [read_side(store, side, group) for side in sides]
    if not is_mergeable(found[1:]):
        return None
    models = [side for side in found[1:] if side is not None]
    base = found[0]
    kind = next(iter(models[0].files.values())).format
    if base is None or any(m.format != kind for m in base.files.values()):
        base = ModelSide()
    tensors = several(base.pieces, [model.pieces for model in models])

    def by_strategy(one: Several) -> Settled:
        return decide(one, choices.of(one.name), statistics)

    combined = {
        one.name: (one, chosen) for one in tensors if is_combination(chosen := choices.of(one.name))
    }
    checked = check(store, sides, group, combined, by_strategy, allowed)
    settled = {
        one.name: checked.settled.get(one.name) or by_strategy(one)
        for one in tensors
        if one.name not in checked.alias
    }
    tasks, twins = once(with_statistics(settled, statistics))
    planned = [bench.plan(task) for task in tasks]
    made = make_all(job.pack, planned, checksums=kind in CHECKSUMMED, progress=job.progress)
    decisions: dict[str, Decision] = {}
    for name, decision in settled.items():
        if isinstance(decision, ToMake):
            decisions[name] = renamed(made[twins.get(name, name)], name)
        else:
            decisions[name] = decision
    for name, other in checked.alias.items():
        decisions[name] = renamed(decisions[other], name)
    return laid_out(job, sides, dict(sorted(decisions.items())), base, models), checked


def laid_out(
    job: Job,
    sides: Sequence[Snapshot],
    decisions: Mapping[str, Decision],
    base: ModelSide,
    models: Sequence[ModelSide],
) -> MergedModel:
    """The files of a model whose tensors are decided; ``sides`` are the base's and the models'."""
    ours = models[0]
    others = [model for model in models[1:] if moved(base, model) and not moved(base, ours)]
    shape = others[0] if others else ours
    other = ours if others else models[-1]
    theirs = models.index(shape) if others else len(models) - 1
    result = MergedModel(tally=count(decisions))
    for path, names in place(decisions, shape, other).items():
        if shape.index is not None and not names and shape.files[path].tensors:
            continue  # all its tensors were deleted
        here = {name: decisions[name] for name in names}
        _put_file(job, result, sides, path, here, shape, [base, *models])
    three = (sides[0], sides[1], sides[1 + theirs])
    put_index(job, result, three, (base, ours, models[theirs]), shape)
    return result


def _put_file(
    job: Job,
    result: MergedModel,
    sides: Sequence[Snapshot],
    path: str,
    decisions: Mapping[str, Decision],
    shape: ModelSide,
    models: Sequence[ModelSide],
) -> None:
    base, *here = (model.files.get(path) for model in models)
    having = [side for side in sides[1:] if path in side]
    slots = Slots.of((sides[0], having[0], having[-1]), path)
    content = _content(job, base, here, shape.files[path])
    if content.clash:
        result.conflicts[path] = slots.conflict("metadata")
    for side, manifest in zip(sides[1:], here, strict=True):
        if manifest is not None and content.is_of(manifest) and is_exactly(manifest, decisions):
            result.manifests[path] = manifest
            result.files[path] = (slots.mode, side[path][1])
            return
    if clashes := [name for name, d in decisions.items() if isinstance(d, Clash)]:
        result.undecided[path] = tuple(sorted(clashes))
    built = build(job, content, list(decisions.values()))
    result.manifests[path] = built
    result.files[path] = (slots.mode, job.objects.blob(built.encode()))


def _content(
    job: Job, base: Manifest | None, models: Sequence[Manifest | None], shape: Manifest
) -> Content:
    """What the file holds besides tensors: of two sides as in any merge; of more what the first has that
    changed it, with the keys of metadata that any has added."""
    found = [manifest for manifest in models if manifest is not None]
    if len(found) < len(models):
        return Content(shape)
    store = job.context.store
    contents = [merge_content(store, base, found[0], one, job.strategy) for one in found[1:]]
    if len(contents) < 2:
        return contents[0] if contents else Content(found[0])
    clash = any(content.clash for content in contents)
    metadata: dict[str, str] = {}
    for content in reversed(contents):
        metadata.update(content.metadata or {})
    taken = [content for content in contents if content.template is not found[0]]
    if taken:
        return Content(taken[0].template, metadata or None, clash)
    alike = frozenset(skeleton for content in contents for skeleton in content.alike)
    return Content(found[0], metadata or None, clash, alike)
