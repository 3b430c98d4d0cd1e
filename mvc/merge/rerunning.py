"""The verb ``rerun``: a recorded merge once more, from the inputs in its record; does the same come out?

Nothing is changed: what is computed is hashed and let go. A merge commit of another tool, or one whose
conflicts were settled by hand, says what it was made of, not how; of the latter just those tensors differ.
"""

from __future__ import annotations

from collections.abc import Mapping

from mvc.errors import UsageError
from mvc.history import log, revisions
from mvc.history.commits import merkle_root, record_of
from mvc.history.context import Context, writes_objects
from mvc.history.git import Commit
from mvc.history.manifest import Manifest
from mvc.history.record import Record
from mvc.history.snapshot import Snapshot
from mvc.ids import CommitId, ObjectId
from mvc.merge.heads import Origin, contributions, origin_of, recorded_models
from mvc.merge.octopus import arithmetic
from mvc.merge.recipe import Recipe
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
    if record is None or record.operation != "merge" or len(commit.parents) < 2:
        raise UsageError(
            f"commit {revisions.shorten(commit.id)} records no merge that could be run again",
            hint="mvc log --merges",
        )
    recipe, origin = _recorded(context, commit, record)
    files = origin_of(context, commit.parents)
    objects = context.writer()
    of_files = contributions(context, objects, files)
    of_tensors = of_files if origin == files else contributions(context, objects, origin)
    labels = [revisions.shorten(id_) for id_ in commit.parents]
    merged = unite(
        context,
        objects,
        recipe,
        of_tensors,
        of_files,
        labels=labels,
        progress=progress,
        keep=False,
    )
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


def _recorded(context: Context, commit: Commit, record: Record) -> tuple[Recipe, Origin]:
    """How it was merged, and from what."""
    said = record.parameters
    models = recorded_models(record)
    if not models:
        strategy = said.get("strategy")
        name = strategy if isinstance(strategy, str) else None
        return Recipe(name), origin_of(context, commit.parents)
    words = ("strategy", "parameters", "rules", "dtype")
    recipe = Recipe.read({**{word: said.get(word) for word in words}, "seed": record.seed or 0})
    base = said.get("base")
    at = CommitId(str(base["commit"])) if isinstance(base, dict) else None
    return recipe, Origin(models, at)


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
