"""Settling later what a merge left open: tensors by their recorded sides, files by theirs.

Owns the step from files with conflicts to the entries that settle them; moving the stage, the list of conflicts
and the branch is the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, cast

from mvc.errors import MvcError, UsageError
from mvc.formats import sharded
from mvc.history.context import Context
from mvc.history.gitobjects import ObjectWriter
from mvc.history.manifest import Conflict, Entry, Manifest, is_manifest
from mvc.history.record import Json
from mvc.history.snapshot import Snapshot
from mvc.history.unfinished import FileConflict
from mvc.merge import arithmetic, strategies
from mvc.merge.compose import CHECKSUMMED, build
from mvc.merge.content import Content, merge_content
from mvc.merge.job import Job, Progress
from mvc.merge.many import Several, ToMake, decide
from mvc.merge.models import reindexed
from mvc.merge.recipe import Choices, Recipe, is_combination
from mvc.merge.slots import Slot
from mvc.merge.terms import Clash, Computed, Decision, Kept, Made, Piece, Term, settle
from mvc.merge.texts import read_text, write_text

if TYPE_CHECKING:
    from mvc.merge.strategies.strategy import Strategy

_HINT = "name others with a glob, or another strategy; or mvc add PATH once it is as you want it"

#: What a record says of it: the recipe, the versions, and ``tensors``, names by path (None: the file).
Step = dict[str, Json]


def resolved(
    context: Context,
    objects: ObjectWriter,
    stage: Snapshot,
    conflicts: Mapping[str, FileConflict],
    paths: Iterable[str],
    recipe: Recipe,
    *,
    names: Mapping[str, Collection[str]] | None = None,
    progress: Progress | None = None,
    keep: bool = True,
) -> tuple[dict[str, Slot | None], Step]:
    """What the files of ``stage`` shall be once ``recipe`` has settled the conflicts of ``paths``, and how.

    ``conflicts`` are those of whole files. ``names``: of a file, the tensors that alone are settled. The index
    of a sharded model is among the result when its tensors changed. ``objects`` is not flushed; store objects
    are published, if it is to ``keep`` them.

    Raises:
        UsageError: a strategy can't settle one of them; nothing is changed.
    """
    choices = recipe.choices()
    changes: dict[str, Slot | None] = {}
    made: dict[str, Manifest] = {}
    told: dict[str, Json] = {}
    computed = False
    with context.store.writer() as pack:
        default = choices.default
        whole = None if is_combination(default) else cast("Strategy | None", default)
        job = Job(context, objects, pack, whole, ("ours", "theirs"), progress)
        for path in paths:
            conflict = conflicts.get(path)
            if conflict is not None and conflict.kind != "metadata":
                changes[path], told[path] = _side_of(path, conflict, whole), None
                continue
            manifest = stage.manifest(path) if path in stage else None
            if manifest is None:
                raise UsageError(f"{path} holds no conflict", hint="mvc conflicts lists them")
            content = None if conflict is None else _content(job, path, conflict)
            wanted = None if names is None else names.get(path, ())
            work = _File(job, recipe, choices, path, manifest, stage)
            made[path] = work.settled(wanted, content)
            computed = computed or work.computed
            changes[path] = (stage[path][0], objects.blob(made[path].encode()))
            told[path] = [*work.names]
        _put_indexes(job, stage, conflicts, changes, made)
        if keep:
            pack.publish()
    versions = arithmetic.versions() if computed else {}
    return changes, {**recipe.written(), "versions": versions, "tensors": told}


class _File:
    """One file of ``stage`` whose conflicts are settled; ``names`` of those that were.

    ``computed``: whether some were by arithmetic.
    """

    def __init__(
        self,
        job: Job,
        recipe: Recipe,
        choices: Choices,
        path: str,
        manifest: Manifest,
        stage: Snapshot,
    ) -> None:
        self._job, self._recipe, self._choices = job, recipe, choices
        self._path, self._manifest, self._stage = path, manifest, stage
        self.names: list[str] = []
        self.computed = False

    def settled(self, wanted: Collection[str] | None, content: Content | None) -> Manifest:
        """The file with the conflicts of ``wanted`` tensors (None: all) settled.

        Raises:
            UsageError: a strategy can't settle one.
            FormatError: the format can't write the file.
        """
        home = self._manifest
        decisions: list[Decision] = [Kept(Piece(e, home), "unchanged") for e in home.tensors]
        tasks: list[ToMake] = []
        for conflict in home.conflicts:
            side = _sides(conflict, home)
            chosen = self._choices.of(conflict.name)
            if chosen is None or (wanted is not None and conflict.name not in wanted):
                decisions.append(Clash(side.term, "was not named"))
                continue
            if is_combination(chosen):
                if chosen.statistic is not None:
                    raise self._refused(
                        chosen.name, conflict.name, "has no recorded statistics here"
                    )
                chosen.accept(len(side.models))
                decision = decide(side, chosen)
            else:
                decision = settle(side.term, cast("Strategy", chosen))
            decision = self._computable(side.term, decision)
            if isinstance(decision, Clash):
                raise self._refused(chosen.name, conflict.name, decision.reason)
            self.names.append(conflict.name)
            if isinstance(decision, ToMake):
                tasks.append(decision)
            else:
                decisions.append(decision)
                self.computed = self.computed or isinstance(decision, Computed)
        decisions += self._made(tasks)
        return build(self._job, content or Content(home), decisions)

    def _computable(self, term: Term, decision: Decision | ToMake) -> Decision | ToMake:
        """``decision``, unless it computes a factor of a LoRA product that is apart on both sides."""
        if not isinstance(decision, ToMake | Computed) or self._recipe.adapters == "factors":
            return decision
        from mvc.merge.adapters.reading import is_adapter  # NumPy, which only computing needs
        from mvc.merge.checks.objections import FACTOR, is_half_of_a_product

        shared = {entry.name for entry in self._manifest.tensors}
        half = is_adapter([self._stage], [self._path]) and is_half_of_a_product(term.name, shared)
        return Clash(term, FACTOR) if half else decision

    def _made(self, tasks: list[ToMake]) -> Iterable[Made]:
        if not tasks:
            return ()
        from mvc.merge.making import Bench
        from mvc.merge.producing import make_all

        self.computed = True
        job, recipe = self._job, self._recipe
        bench = Bench(job.context.store, recipe.seed, recipe.dtype)
        checksums = self._manifest.format in CHECKSUMMED
        planned = [bench.plan(task) for task in tasks]
        return make_all(job.pack, planned, checksums=checksums, progress=job.progress).values()

    def _refused(self, strategy: str, name: str, why: str) -> UsageError:
        what = f"{strategy} can't settle {self._path}: the tensor {name!r} {why}"
        return UsageError(what, hint=_HINT)


def _sides(conflict: Conflict, home: Manifest) -> Several:
    def piece(entry: Entry | None) -> Piece | None:
        return None if entry is None else Piece(entry, home)

    return Several(conflict.name, piece(conflict.base), tuple(map(piece, conflict.models)))


def _side_of(path: str, conflict: FileConflict, strategy: Strategy | None) -> Slot | None:
    side = None if strategy is None else strategy.file_side
    if side is None:
        name = "a strategy for tensors" if strategy is None else strategy.name
        raise UsageError(f"{name} can't settle {path}: it is not a conflict of tensors", hint=_HINT)
    sides = {"base": conflict.base, "ours": conflict.ours, "theirs": conflict.theirs}
    return sides[side]


def _content(job: Job, path: str, conflict: FileConflict) -> Content:
    base, ours, theirs = (
        _manifest(job, s) for s in (conflict.base, conflict.ours, conflict.theirs)
    )
    if ours is None or theirs is None:
        raise MvcError(f"{path}: a conflict of metadata has lost a side", hint="mvc merge --abort")
    strategy = job.strategy or strategies.named("ours")  # no mean exists of two texts
    return merge_content(job.context.store, base, ours, theirs, strategy)


def _manifest(job: Job, slot: Slot | None) -> Manifest | None:
    data = b"" if slot is None else job.context.git.blob(slot[1])
    return Manifest.decode(data) if is_manifest(data) else None


def _put_indexes(
    job: Job,
    stage: Snapshot,
    conflicts: Mapping[str, FileConflict],
    changes: dict[str, Slot | None],
    made: Mapping[str, Manifest],
) -> None:
    """Bring the indexes of sharded models in line with the files just made."""
    read: Callable[[str], bytes] = partial(read_text, job.context.store, stage)
    for model in sharded.models(stage, read) if made else ():
        if model.index is None or model.index in changes or model.index in conflicts:
            continue
        if made.keys().isdisjoint(model.files):
            continue
        found = {path: made.get(path) or stage.manifest(path) for path in model.files}
        files = {path: manifest for path, manifest in found.items() if manifest is not None}
        before = sharded.parse_index(read(model.index))
        after = reindexed(files, before.metadata)
        if after.weight_map != before.weight_map:
            text = sharded.render_index(after.weight_map, after.metadata)
            changes[model.index] = (stage[model.index][0], write_text(job, text))
