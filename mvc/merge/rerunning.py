"""The verb ``rerun``: a recorded merge once more, from the inputs in its record; does the same come out?

So of a commit of ``resolve``, and of the conflicts of a merge that strategies settled. Nothing that can be seen
changes: what is computed is hashed and let go. A merge commit of another tool can't be run again; of one whose
conflicts were settled by hand, just those tensors differ.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

from mvc.errors import UsageError
from mvc.history import log, revisions
from mvc.history.commits import merkle_root, record_of
from mvc.history.context import Context, writes_objects
from mvc.history.git import Commit
from mvc.history.gitobjects import ObjectWriter
from mvc.history.manifest import Manifest
from mvc.history.record import Json, Record
from mvc.history.snapshot import Snapshot
from mvc.history.unfinished import FileConflict
from mvc.ids import CommitId, ObjectId
from mvc.merge import arithmetic
from mvc.merge.adapters.merging_in import Addend, merged_again
from mvc.merge.bases import merge_base
from mvc.merge.checks.ways import THREE_WAY
from mvc.merge.heads import Origin, contributions, origin_of, recorded_models
from mvc.merge.recipe import Recipe
from mvc.merge.resolving import resolved
from mvc.merge.three_way import Merged, merge_commits
from mvc.merge.uniting import unite
from mvc.values import dataclass
from mvc.version import VERSION
from mvc.worktree.ingest import Progress


@dataclass(frozen=True, slots=True)
class Rerun:
    """``recorded`` and ``found`` are Merkle roots; ``differing`` the tensors, as ``(path, name)``, that came
    out otherwise (a file of plain bytes has the name ""). ``versions``: then and now, where changed since."""

    commit: CommitId
    recorded: ObjectId
    found: ObjectId
    tensors: int
    differing: tuple[tuple[str, str], ...]
    versions: Mapping[str, tuple[str, str]]

    @property
    def same(self) -> bool:
        """Whether every weight came out to the bit."""
        return self.recorded == self.found and not self.differing


@writes_objects
def rerun(context: Context, revision: str, *, progress: Progress | None = None) -> Rerun:
    """Merge, or settle, again what the commit ``revision`` did.

    Raises:
        UsageError: it records neither.
        MissingObject: weights of an input are gone.
    """
    commit = context.git.commit(revisions.resolve(context, revision))
    record = record_of(context, commit)
    what = "" if record is None else record.operation
    addend = None if record is None else Addend.recorded(record)
    parents = {"merge": 2 if addend is None else 1, "resolve": 1}.get(what, sys.maxsize)
    if record is None or len(commit.parents) < parents:
        raise UsageError(
            f"commit {revisions.shorten(commit.id)} records no merge that could be run again",
            hint="mvc log --merges",
        )
    objects = context.writer()
    if what == "resolve":
        parent = log.snapshot(context, commit.parents[0])
        whole = {**record.parameters, "seed": record.seed}
        result = _settled(context, objects, parent, {}, whole, progress)
    elif addend is not None:
        merged = merged_again(context, objects, commit.parents, addend, progress)
        objects.flush()
        result = Snapshot(context.git, merged.files)
    else:
        make = _by_recipe if recorded_models(record) else _three_way
        merged = make(context, objects, commit, record, progress)
        objects.flush()
        result = Snapshot(context.git, merged.files)
        for step in _steps(record):
            result = _settled(context, objects, result, merged.conflicts, step, progress)
    before = log.snapshot(context, commit.id)
    known = [before.manifest(path) for path in before]
    return Rerun(
        commit.id,
        record.result,
        merkle_root(result),
        sum(len(manifest.values) for manifest in known if manifest is not None),
        tuple(_differing(before, result)),
        _versions(record),
    )


def _steps(record: Record) -> list[Mapping[str, Json]]:
    """How the merge's conflicts were settled, in order."""
    found = record.parameters.get("settled")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _settled(
    context: Context,
    objects: ObjectWriter,
    files: Snapshot,
    conflicts: Mapping[str, FileConflict],
    step: Mapping[str, Json],
    progress: Progress | None,
) -> Snapshot:
    """``files`` once the conflicts that ``step`` names are settled as it says."""
    told = step.get("tensors")
    names = {
        path: [*map(str, named)] if isinstance(named, list) else []
        for path, named in (told.items() if isinstance(told, dict) else ())
    }
    recipe = _recipe(step, step.get("seed"))
    changes, _ = resolved(
        context, objects, files, conflicts, names, recipe, names=names, progress=progress
    )
    objects.flush()
    return files.with_files(changes)


def _recipe(said: Mapping[str, Json], seed: Json) -> Recipe:
    words = ("strategy", "parameters", "rules", "dtype", "adapters", "rank")
    # Before there were checks, who had changed it decided.
    mismatch = said.get("mismatch", [THREE_WAY])
    words_said = {word: said.get(word) for word in words}
    return Recipe.read({**words_said, "seed": seed or 0, "mismatch": mismatch})


def _by_recipe(
    context: Context,
    objects: ObjectWriter,
    commit: Commit,
    record: Record,
    progress: Progress | None,
) -> Merged:
    said = record.parameters
    recipe = _recipe(said, record.seed)
    base = said.get("base")
    at = CommitId(str(base["commit"])) if isinstance(base, dict) else None
    origin, files = Origin(recorded_models(record), at), origin_of(context, commit.parents)
    of_files = contributions(context, objects, files)
    return unite(
        context,
        objects,
        recipe,
        of_files if origin == files else contributions(context, objects, origin),
        of_files,
        labels=[revisions.shorten(id_) for id_ in commit.parents],
        progress=progress,
        keep=bool(_steps(record)),  # what is settled next is written around it
    )


def _three_way(
    context: Context,
    objects: ObjectWriter,
    commit: Commit,
    record: Record,
    progress: Progress | None,
) -> Merged:
    strategy = record.parameters.get("strategy")
    ours, theirs = commit.parents[:2]
    return merge_commits(
        context,
        objects,
        merge_base(context, objects, ours, theirs),
        log.snapshot(context, ours),
        log.snapshot(context, theirs),
        strategy=strategy if isinstance(strategy, str) else None,
        labels=("HEAD", revisions.shorten(theirs)),
        progress=progress,
    )


def _differing(before: Snapshot, after: Snapshot) -> list[tuple[str, str]]:
    found = []
    for path in sorted({*before, *after}):
        one, other = (
            _weights(side.manifest(path) if path in side else None) for side in (before, after)
        )
        found += [(path, n) for n in sorted({*one, *other}) if one.get(n) != other.get(n)]
    return found


def _weights(manifest: Manifest | None) -> dict[str, object]:
    """What a file's tensors are, by name."""
    if manifest is None:
        return {}
    if manifest.content is not None:
        return {"": manifest.content}
    return manifest.values


def _versions(record: Record) -> dict[str, tuple[str, str]]:
    now = {
        **{name: str(version) for name, version in arithmetic.versions().items()},
        "mvc": VERSION,
    }
    return {
        name: (then, now[name])
        for name, then in record.versions.items()
        if name in now and now[name] != then
    }
