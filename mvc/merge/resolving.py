"""Settling later what a merge left open: tensors by their recorded terms, files by their recorded sides.

Owns the step from a stage with conflicts to the entries that settle them; moving the stage and the list of
conflicts is the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import partial

from mvc.errors import MvcError, UsageError
from mvc.formats import sharded
from mvc.history.context import Context
from mvc.history.gitobjects import ObjectWriter
from mvc.history.manifest import Conflict, Entry, Manifest, is_manifest
from mvc.history.snapshot import Snapshot
from mvc.history.unfinished import FileConflict, Unfinished
from mvc.merge import strategies
from mvc.merge.compose import build
from mvc.merge.content import Content, merge_content
from mvc.merge.job import Job
from mvc.merge.models import reindexed
from mvc.merge.slots import Slot
from mvc.merge.strategies.strategy import Strategy
from mvc.merge.terms import Clash, Decision, Kept, Piece, Term, settle
from mvc.merge.texts import read_text, write_text

_HINT = "mvc checkout --ours|--theirs PATH, or mvc add PATH once it is as you want it"


def resolved(
    context: Context,
    objects: ObjectWriter,
    stage: Snapshot,
    waiting: Unfinished,
    paths: Iterable[str],
    strategy: str,
    *,
    names: Sequence[str] = ("*",),
) -> dict[str, Slot | None]:
    """What the stage shall hold once ``strategy`` has settled the conflicts of ``paths``.

    ``names`` are globs over tensor names; conflicts of other tensors stay. The index of a sharded model is
    among the result when its tensors changed. ``objects`` is not flushed; store objects are published.

    Raises:
        UsageError: the strategy can't settle one of them; nothing is changed.
    """
    chosen = strategies.named(strategy)
    changes: dict[str, Slot | None] = {}
    made: dict[str, Manifest] = {}
    with context.store.writer() as pack:
        job = Job(context, objects, pack, chosen, ("ours", "theirs"))
        for path in paths:
            conflict = waiting.conflicts.get(path)
            if conflict is not None and conflict.kind != "metadata":
                changes[path] = _side_of(path, conflict, chosen)
                continue
            manifest = stage.manifest(path) if path in stage else None
            if manifest is None:
                raise UsageError(f"{path} holds no conflict", hint="mvc status lists them")
            content = Content(manifest) if conflict is None else _content(job, conflict)
            made[path] = resolve(job, path, manifest, names, chosen, content)
            changes[path] = (stage[path][0], objects.blob(made[path].encode()))
        _put_indexes(job, stage, waiting, changes, made)
        pack.publish()
    return changes


def resolve(
    job: Job,
    path: str,
    manifest: Manifest,
    names: Sequence[str],
    strategy: Strategy,
    content: Content | None = None,
) -> Manifest:
    """``manifest`` with its conflicts called as the globs ``names`` settled.

    Raises:
        UsageError: the strategy can't settle a tensor.
        FormatError: the format can't write the file.
    """
    decisions: list[Decision] = [Kept(Piece(e, manifest), "unchanged") for e in manifest.tensors]
    for conflict in manifest.conflicts:
        term = _term(conflict, manifest)
        if not any(fnmatchcase(conflict.name, glob) for glob in names):
            decisions.append(Clash(term, "was not named"))
            continue
        decision = settle(term, strategy)
        if isinstance(decision, Clash):
            raise UsageError(
                f"{strategy.name} can't settle {path}: the tensor {term.name!r} {decision.reason}",
                hint=_HINT,
            )
        decisions.append(decision)
    return build(job, content or Content(manifest), decisions)


def _term(conflict: Conflict, home: Manifest) -> Term:
    def piece(entry: Entry | None) -> Piece | None:
        return None if entry is None else Piece(entry, home)

    return Term(conflict.name, piece(conflict.base), piece(conflict.ours), piece(conflict.theirs))


def _side_of(path: str, conflict: FileConflict, strategy: Strategy) -> Slot | None:
    if strategy.file_side is None:
        raise UsageError(
            f"{strategy.name} can't settle {path}: it is not a conflict of tensors", hint=_HINT
        )
    sides = {"base": conflict.base, "ours": conflict.ours, "theirs": conflict.theirs}
    return sides[strategy.file_side]


def _content(job: Job, conflict: FileConflict) -> Content:
    base, ours, theirs = (
        _manifest(job, s) for s in (conflict.base, conflict.ours, conflict.theirs)
    )
    if ours is None or theirs is None:
        raise MvcError("a conflict of metadata has lost a side", hint="mvc merge --abort")
    return merge_content(job.context.store, base, ours, theirs, job.strategy)


def _manifest(job: Job, slot: Slot | None) -> Manifest | None:
    data = b"" if slot is None else job.context.git.blob(slot[1])
    return Manifest.decode(data) if is_manifest(data) else None


def _put_indexes(
    job: Job,
    stage: Snapshot,
    waiting: Unfinished,
    changes: dict[str, Slot | None],
    made: Mapping[str, Manifest],
) -> None:
    """Bring the indexes of sharded models in line with the files just made."""
    read: Callable[[str], bytes] = partial(read_text, job.context.store, stage)
    for model in sharded.models(stage, read) if made else ():
        if model.index is None or model.index in changes or model.index in waiting.conflicts:
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
