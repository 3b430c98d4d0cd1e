"""The verb ``rerun``: a recorded merge once more, from the inputs in its record; does the same come out?

Nothing that can be seen changes: what is computed is hashed and let go. A merge commit of another tool
can't be run again; of one whose conflicts were settled by hand, just those tensors differ.
"""

from __future__ import annotations

from collections.abc import Mapping

from mvc.errors import UsageError
from mvc.history import log, revisions
from mvc.history.commits import merkle_root, record_of
from mvc.history.context import Context, writes_objects
from mvc.history.git import Commit
from mvc.history.gitobjects import ObjectWriter
from mvc.history.manifest import Manifest
from mvc.history.record import Record
from mvc.history.snapshot import Snapshot
from mvc.ids import CommitId, ObjectId
from mvc.merge.adapters.merging_in import Addend, merged_again
from mvc.merge.bases import merge_base
from mvc.merge.checks.ways import THREE_WAY
from mvc.merge.heads import Origin, contributions, origin_of, recorded_models
from mvc.merge.octopus import arithmetic
from mvc.merge.recipe import Recipe
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
    """Merge again what the commit ``revision`` merged.

    Raises:
        UsageError: it records no merge.
        MissingObject: weights of an input are gone.
    """
    commit = context.git.commit(revisions.resolve(context, revision))
    record = record_of(context, commit)
    addend = None if record is None else Addend.recorded(record)
    joins = addend is not None or len(commit.parents) > 1
    if record is None or record.operation != "merge" or not joins:
        raise UsageError(
            f"commit {revisions.shorten(commit.id)} records no merge that could be run again",
            hint="mvc log --merges",
        )
    objects = context.writer()
    if addend is not None:
        merged = merged_again(context, objects, commit.parents, addend, progress)
    elif recorded_models(record):
        merged = _by_recipe(context, objects, commit, record, progress)
    else:
        merged = _three_way(context, objects, commit, record, progress)
    objects.flush()
    result, before = Snapshot(context.git, merged.files), log.snapshot(context, commit.id)
    known = [before.manifest(path) for path in before]
    return Rerun(
        commit.id,
        record.result,
        merkle_root(result),
        sum(len(manifest.tensors) for manifest in known if manifest is not None),
        tuple(_differing(before, result)),
        _versions(record),
    )


def _by_recipe(
    context: Context,
    objects: ObjectWriter,
    commit: Commit,
    record: Record,
    progress: Progress | None,
) -> Merged:
    said = record.parameters
    words = ("strategy", "parameters", "rules", "dtype", "adapters", "rank")
    recipe = Recipe.read(
        {
            **{word: said.get(word) for word in words},
            "seed": record.seed or 0,
            # Before there were checks, who had changed it decided.
            "mismatch": said.get("mismatch", [THREE_WAY]),
        }
    )
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
        keep=False,
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
    return {entry.name: entry.value for entry in manifest.tensors}


def _versions(record: Record) -> dict[str, tuple[str, str]]:
    now = {**{name: str(version) for name, version in arithmetic().items()}, "mvc": VERSION}
    return {
        name: (then, now[name])
        for name, then in record.versions.items()
        if name in now and now[name] != then
    }
