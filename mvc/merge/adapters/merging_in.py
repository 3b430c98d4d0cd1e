"""The verb ``merge --adapter``: a LoRA adapter of a commit, written into the model that HEAD has.

With a revision its history is merged, too: files as ``merge`` has them, then the adapter into the merged model.
All that it takes to do it again is recorded.
"""

from __future__ import annotations

from functools import partial

from mvc.errors import MergeConflict, UsageError
from mvc.formats import sharded
from mvc.history import log, revisions
from mvc.history.context import Context, writes_objects
from mvc.history.gitobjects import ObjectWriter
from mvc.history.manifest import BYTES
from mvc.history.record import Json, Record, trailer
from mvc.history.signature import Signature
from mvc.history.snapshot import Snapshot
from mvc.history.unfinished import Unfinished
from mvc.ids import CommitId
from mvc.merge import arithmetic
from mvc.merge.adapters.into_base import addition
from mvc.merge.adapters.reading import find, is_adapter, read_adapter
from mvc.merge.bases import merge_base
from mvc.merge.compose import CHECKSUMMED
from mvc.merge.grouping import read_side
from mvc.merge.job import Job
from mvc.merge.merging import Outcome, refuse_unfinished, require_clean_stage, settle_down
from mvc.merge.producing import make_all
from mvc.merge.several_models import laid_out
from mvc.merge.statistics import is_statistic
from mvc.merge.texts import read_text
from mvc.merge.three_way import Merged, merge_commits
from mvc.merge.wording import merge_message
from mvc.values import dataclass
from mvc.worktree.ingest import Progress

STRATEGY = "adapter"


@dataclass(frozen=True, slots=True)
class Addend:
    """An adapter: the weights at ``path`` in ``commit``, times ``weight``, into the model that has ``into``."""

    commit: CommitId
    path: str
    into: str
    weight: float

    def written(self, context: Context) -> dict[str, Json]:
        """As a commit's record has it."""
        root = trailer(context.git.commit(self.commit).message)
        return {
            "strategy": STRATEGY,
            "adapter": {"commit": self.commit, "root": root, "path": self.path},
            "into": self.into,
            "weight": self.weight,
        }

    @staticmethod
    def recorded(record: Record) -> Addend | None:
        """The inverse; None of the record of another merge."""
        said = record.parameters
        of, weight = said.get("adapter"), said.get("weight")
        if not isinstance(of, dict) or not isinstance(weight, (int, float)):
            return None
        return Addend(
            CommitId(str(of["commit"])), str(of["path"]), str(said.get("into")), float(weight)
        )


@writes_objects
def merge_adapter(
    context: Context,
    path: str,
    revision: str | None,
    *,
    into: str | None,
    weight: float,
    message: str | None,
    author: Signature | None,
    who: Signature,
    progress: Progress | None,
) -> Outcome:
    """A commit whose model has the adapter at ``path`` of ``revision`` (HEAD's own without one) merged in.

    Raises:
        UsageError: a merge is unfinished, there is no such adapter or not one such model.
        ModelMismatch: the adapter does not fit the model.
        MergeConflict: the revision's files conflict with HEAD's; nothing has changed.
    """
    refuse_unfinished(context)
    head = context.refs.head()
    if head is None:
        raise UsageError("there is no commit yet whose model could be merged with an adapter")
    require_clean_stage(context)
    ours = CommitId(head)
    theirs = ours if revision is None else revisions.resolve(context, revision)
    parents = [ours] if context.git.is_ancestor(theirs, ours) else [ours, theirs]
    weights = find(log.snapshot(context, theirs), path)
    objects = context.writer()
    label = revision or path
    files = _merged_files(context, objects, parents, label, progress)
    addend = Addend(theirs, weights, model_of(context, files, into), weight)
    merged = with_adapter(context, objects, files, addend, progress)
    objects.flush()
    if message is None:
        subject = f"Merge adapter '{path}'"
        if len(parents) > 1 and revision is not None:
            subject += f" of {merge_message(context, revision).removeprefix('Merge ')}"
        message = f"{subject}\n"
    plan = Unfinished(
        kind="merge",
        onto=ours,
        theirs=theirs,
        message=message,
        operation="merge",
        strategy=STRATEGY,
        recipe={**addend.written(context), "seed": None, "versions": arithmetic.versions()},
    )
    return settle_down(context, plan, merged, label, author or who, who, progress, heads=parents)


def merged_again(
    context: Context,
    objects: ObjectWriter,
    parents: tuple[CommitId, ...],
    addend: Addend,
    progress: Progress | None,
) -> Merged:
    """What ``merge_adapter`` made, from its record; new tensors are hashed and not stored."""
    label = revisions.shorten(addend.commit)
    files = _merged_files(context, objects, list(parents), label, progress)
    return with_adapter(context, objects, files, addend, progress, keep=False)


def with_adapter(
    context: Context,
    objects: ObjectWriter,
    files: Snapshot,
    addend: Addend,
    progress: Progress | None,
    *,
    keep: bool = True,
) -> Merged:
    """``files`` with the adapter in their model.

    Raises:
        UsageError: the model can't be written anew.
        ModelMismatch: the adapter does not fit it.
    """
    store = context.store
    adapter = read_adapter(store, log.snapshot(context, addend.commit), addend.path)
    group = _group(context, files, addend.into)
    side = read_side(store, files, group)
    if side is None or not side.files:
        raise UsageError(f"{addend.into} can't be merged as a model")
    found = addition(store, adapter, side.pieces, addend.weight, addend.into)
    kind = next(iter(side.files.values())).format
    with store.writer() as pack:
        job = Job(context, objects, pack, None, ("HEAD", addend.path), progress)
        checksums = kind in CHECKSUMMED
        made = make_all(pack, found.planned, checksums=checksums, progress=progress)
        decisions = dict(sorted({**found.kept, **made}.items()))
        model = laid_out(job, (files, files), decisions, side, [side])
        if keep:
            pack.publish()
    kept = {path: entry for path, entry in files.items() if path not in group}
    tally = {"adapter": model.tally["strategy"] + model.tally["theirs"]}
    return Merged(dict(sorted({**kept, **model.files}.items())), tally=tally)


def model_of(context: Context, files: Snapshot, into: str | None) -> str:
    """The model that ``into`` names: by itself, a file of it or its folder; without a word the only one.

    Raises:
        UsageError: there is none, or several.
    """
    known = _models(context, files)
    if into is None:
        found = list(known)
    else:
        folder = into.rstrip("/") + "/"
        found = [name for name, group in known.items() if into == name or into in group]
        found = found or [name for name in known if name.startswith(folder)]
    if len(found) == 1:
        return found[0]
    which = f"'{into}' is" if into is not None and not found else "there is"
    what = "no model" if not found else f"more than one model: {', '.join(sorted(found)[:3])}"
    raise UsageError(f"{which} {what}", hint="mvc merge --adapter PATH --into MODEL")


def _group(context: Context, files: Snapshot, name: str) -> frozenset[str]:
    group = _models(context, files).get(name)
    if group is None:
        raise UsageError(f"{name} is no model")
    return group


def _models(context: Context, files: Snapshot) -> dict[str, frozenset[str]]:
    """The files of each model that is no adapter, by its name."""
    found = {}
    for model in sharded.models(files, partial(read_text, context.store, files)):
        manifests = [files.manifest(path) for path in model.files]
        if any(manifest is None or manifest.format == BYTES for manifest in manifests):
            continue
        if is_adapter([files], model.files) or any(map(is_statistic, model.files)):
            continue
        found[model.name] = frozenset({*model.files, *([model.index] if model.index else [])})
    return found


def _merged_files(
    context: Context,
    objects: ObjectWriter,
    parents: list[CommitId],
    label: str,
    progress: Progress | None,
) -> Snapshot:
    """The files that the adapter's model is among: HEAD's, with those of the revision merged."""
    ours = log.snapshot(context, parents[0])
    if len(parents) == 1:
        return ours
    base = merge_base(context, objects, *parents)
    if base is None:
        raise UsageError("refusing to merge unrelated histories")
    merged = merge_commits(
        context,
        objects,
        base,
        ours,
        log.snapshot(context, parents[1]),
        labels=("HEAD", label),
        progress=progress,
    )
    objects.flush()
    if merged.conflicted:
        paths = ", ".join(sorted({*merged.conflicts, *merged.undecided}))
        raise MergeConflict(
            f"HEAD and {label} changed the same: {paths}; nothing has changed",
            hint=f"mvc merge {label}, then mvc merge --adapter PATH",
        )
    return Snapshot(context.git, merged.files)
