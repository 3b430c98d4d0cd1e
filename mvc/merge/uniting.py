"""The merge of any number of snapshots by a recipe: models tensor by tensor, all else file by file.

Where every side has a model, its tensors are made of all of them; all other files are merged three ways, one
side after the other, as Git's octopus does. Like ``three_way`` it changes nothing that can be seen, and must
not know refs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from mvc.errors import MergeConflict, UsageError
from mvc.history.context import Context
from mvc.history.git import Files
from mvc.history.gitobjects import ObjectWriter
from mvc.history.manifest import Entry
from mvc.history.snapshot import Snapshot
from mvc.history.unfinished import FileConflict
from mvc.merge import strategies
from mvc.merge.adapters.reading import is_adapter, settings_of
from mvc.merge.checks.beside import CONFIG, TOKENIZER
from mvc.merge.grouping import groups, read_side
from mvc.merge.job import Job, Progress
from mvc.merge.models import MergedModel, undecided_there
from mvc.merge.recipe import Choices, Recipe, is_combination
from mvc.merge.renames import follow
from mvc.merge.strategies.strategy import Side, Strategy, Undecided, Verdict
from mvc.merge.three_way import Merged, merge_commits
from mvc.values import dataclass


@dataclass(frozen=True, slots=True)
class Contributions:
    """Where tensors come from; ``models`` are at least two."""

    base: Snapshot
    models: tuple[Snapshot, ...]


@dataclass(frozen=True, slots=True)
class _KeepOurs:
    """How a recipe settles what is no tensor: of metadata that models disagree on, ours stays."""

    name: str = "recipe"
    file_side: Side | None = None

    def settle(self, base: Entry | None, ours: Entry | None, theirs: Entry | None) -> Verdict:
        """Tensors are none of its business."""
        return Undecided("was changed on several sides")


def unite(
    context: Context,
    objects: ObjectWriter,
    recipe: Recipe,
    tensors: Contributions,
    files: Contributions,
    *,
    labels: Sequence[str],
    progress: Progress | None = None,
    keep: bool = True,
) -> Merged:
    """What becomes of ``files`` when the models among them are merged from ``tensors``.

    The two differ where a model was merged before, and is merged again from what it was made of. ``objects``
    is flushed; ``labels`` name the sides of ``files``. Unless it is to ``keep`` them, new tensors are hashed
    and not stored.

    Raises:
        UsageError: a strategy can't merge these models at all.
        MergeConflict: of three or more sides, two changed the same file; or a side has undecided tensors.
    """
    choices = recipe.choices()
    choices.accept(len(tensors.models))
    if len(tensors.models) == 2 and tensors == files:
        followed = follow(tensors.base, *tensors.models)
        tensors = files = Contributions(followed[0], followed[1:])
    found = _models(context, tensors)
    combined = {path for group in found for path in group}
    combined |= {settings_of(min(group)) for group in found if is_adapter(tensors.models, group)}
    merged = _rest(context, objects, recipe, files, combined, labels, progress)
    objects.flush()
    job_strategy = _file_strategy(choices)
    result, conflicts = dict(merged.files), dict(merged.conflicts)
    undecided, tally = dict(merged.undecided), Counter(merged.tally)
    notes: list[str] = []
    if found:
        _combine(
            Job(
                context,
                objects,
                context.store.writer(),
                job_strategy,
                (labels[0], labels[-1]),
                progress,
            ),
            recipe,
            choices,
            tensors,
            found,
            _Result(result, conflicts, undecided, tally, notes),
            labels if tensors == files else _numbers(tensors),
            keep=keep,
        )
    _refuse_files_in_the_way(result)
    return Merged(dict(sorted(result.items())), conflicts, undecided, tally, tuple(notes))


def _numbers(tensors: Contributions) -> list[str]:
    """What models are called that are not the sides of the merge."""
    return [f"model {number}" for number in range(1, len(tensors.models) + 1)]


@dataclass(frozen=True, slots=True)
class _Result:
    files: Files
    conflicts: dict[str, FileConflict]
    undecided: dict[str, tuple[str, ...]]
    tally: Counter[str]
    notes: list[str]

    def take(self, model: MergedModel, notes: Sequence[str]) -> None:
        """Add a model's part."""
        self.files.update(model.files)
        self.conflicts.update(model.conflicts)
        self.tally.update(model.tally)
        self.undecided.update(model.undecided)
        self.notes.extend(notes)


def _combine(
    job: Job,
    recipe: Recipe,
    choices: Choices,
    tensors: Contributions,
    found: Sequence[frozenset[str]],
    result: _Result,
    labels: Sequence[str],
    *,
    keep: bool,
) -> None:
    from mvc.merge.adapters.uniting import merge_adapters
    from mvc.merge.checks.files import put_beside
    from mvc.merge.checks.ways import Ways
    from mvc.merge.making import Bench
    from mvc.merge.several_models import merge_several
    from mvc.merge.statistics import adding_up, is_statistic, statistics_of

    sides = (tensors.base, *tensors.models)
    allowed = Ways.of(recipe.mismatch, labels)
    with job.pack as pack:
        bench = Bench(job.context.store, recipe.seed, recipe.dtype)
        for group in found:
            if is_adapter(tensors.models, group):
                united = merge_adapters(job, bench, sides, min(group), choices, recipe)
                result.take(united.model, united.notes)
                united.put_beside(job, result.files)
                continue
            if any(map(is_statistic, group)):
                how, known = adding_up(sides[0], group), []
            else:
                how, known = choices, statistics_of(tensors.models, group, choices)
            made = merge_several(job, bench, sides, group, how, known, allowed)
            if made is None:
                raise UsageError(f"{min(group)} can't be merged as a model")
            model, checked = made
            result.take(model, checked.notes)
            put_beside(job, checked, sides, result.files, result.conflicts)
        if keep:
            pack.publish()


def _models(context: Context, tensors: Contributions) -> list[frozenset[str]]:
    """The files of each model that every side has, in the order of their paths."""
    from mvc.merge.several_models import has_tensors, is_mergeable

    sides = (tensors.base, *tensors.models)
    grouped = groups(context.store, sides)
    found: dict[frozenset[str], None] = {}
    for path in sorted({path for side in tensors.models for path in side}):
        if not has_tensors(tensors.models, path):
            continue
        for group in (grouped.get(path, frozenset({path})), frozenset({path})):
            read = [read_side(context.store, side, group) for side in tensors.models]
            if is_mergeable(read):
                found[group] = None
                break
    _refuse_undecided(sides, {path for group in found for path in group})
    return list(found)


def _rest(
    context: Context,
    objects: ObjectWriter,
    recipe: Recipe,
    files: Contributions,
    combined: set[str],
    labels: Sequence[str],
    progress: Progress | None,
) -> Merged:
    """All files but the combined models, three ways, one side after the other.

    What a mismatch may settle afterwards is ours until then.
    """
    base, ours, *others = (
        Snapshot(context.git, {path: side[path] for path in side if path not in combined})
        for side in (files.base, *files.models)
    )
    name = recipe.strategy if recipe.strategy in strategies.STRATEGIES else None
    merged = Merged(dict(ours))
    put_off: dict[str, FileConflict] = {}
    for number, other in enumerate(others, 1):
        ours = Snapshot(context.git, merged.files)
        tally = merged.tally
        merged = merge_commits(
            context,
            objects,
            base,
            ours,
            other,
            strategy=name,
            labels=(labels[0], labels[number]),
            progress=progress,
        )
        objects.flush()  # the next side's merge reads what this one wrote
        if len(others) > 1 and recipe.mismatch:
            merged = _put_off(merged, ours, put_off)
        if merged.conflicted and len(others) > 1:
            paths = ", ".join(sorted({*merged.conflicts, *merged.undecided}))
            raise MergeConflict(
                f"{labels[number]} and an earlier side changed the same files: {paths}; "
                "a merge of several can't leave that to you, and nothing has changed",
                hint="merge them one by one",
            )
        merged = Merged(
            merged.files, merged.conflicts, merged.undecided, Counter(tally) + Counter(merged.tally)
        )
    return replace(merged, conflicts={**merged.conflicts, **put_off})


def _put_off(merged: Merged, ours: Snapshot, put_off: dict[str, FileConflict]) -> Merged:
    """The merge with ours where configurations and tokenizers conflict, which are kept in ``put_off``."""
    late = {
        p: c for p, c in merged.conflicts.items() if p.rpartition("/")[2] in (CONFIG, *TOKENIZER)
    }
    put_off |= late
    files = {path: entry for path, entry in merged.files.items() if path not in late}
    files |= {path: ours[path] for path in late if path in ours}
    rest = {path: found for path, found in merged.conflicts.items() if path not in late}
    return replace(merged, files=files, conflicts=rest)


def _file_strategy(choices: Choices) -> Strategy | None:
    if is_combination(choices.default):
        return _KeepOurs()
    return cast("Strategy | None", choices.default)


def _refuse_undecided(sides: Sequence[Snapshot], paths: set[str]) -> None:
    for side in sides:
        for path in paths.intersection(side):
            manifest = side.manifest(path)
            if manifest is not None and manifest.conflicts:
                name = manifest.conflicts[0].name
                raise undecided_there(path, name, "several models are merged")


def _refuse_files_in_the_way(files: Mapping[str, object]) -> None:
    for path in files:
        parts = path.split("/")
        for end in range(1, len(parts)):
            if "/".join(parts[:end]) in files:
                raise MergeConflict(
                    f"{'/'.join(parts[:end])} is a file on one side and a folder on another",
                    hint="rename one of them first",
                )
