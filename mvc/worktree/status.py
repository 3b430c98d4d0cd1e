"""What differs between HEAD, the stage and the work tree.

Owns the value that ``mvc status`` shows, Git's words for it, and the answer to "which of these files would
``add`` have to read". A file that was touched but is equal goes back into the stat cache.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from mvc.errors import IntegrityError
from mvc.history.bisection import read_bisection
from mvc.history.context import Context
from mvc.history.refs import BRANCHES, UNFINISHED
from mvc.history.snapshot import Snapshot
from mvc.history.transaction import head_snapshot, read_stage
from mvc.history.undecided import undecided
from mvc.history.unfinished import conflicted_paths, read_unfinished
from mvc.ids import BlobId, CommitId
from mvc.values import dataclass
from mvc.worktree.compare import Comparison
from mvc.worktree.ingest import Progress
from mvc.worktree.place import look
from mvc.worktree.scan import untracked

Kind = Literal["new file", "modified", "deleted", "renamed", "typechange"]


@dataclass(frozen=True, slots=True)
class Delta:
    """One changed path; ``old_path`` is where a renamed file was."""

    kind: Kind
    path: str
    old_path: str | None = None


@dataclass(frozen=True, slots=True)
class Conflicted:
    """A path that waits for a decision; ``kind``: tensors, text, bytes, delete-modify or add-add."""

    path: str
    kind: str


@dataclass(frozen=True, slots=True)
class Status:
    """``branch`` is None when HEAD is detached, ``head`` None before the first commit.

    ``staged`` is HEAD → stage, ``unstaged`` stage → work tree; conflicted paths are in neither. An untracked
    folder is listed once, with a slash at its end. ``skipped`` are things that can't be tracked, with the
    reason. ``unfinished`` is merge, revert, cherry-pick or rebase while one waits. ``undecided`` are tensors
    that a commit has kept so, by path; nothing waits for them.
    """

    branch: str | None
    head: CommitId | None
    unborn: bool
    staged: tuple[Delta, ...]
    unstaged: tuple[Delta, ...]
    untracked: tuple[str, ...]
    conflicts: tuple[Conflicted, ...]
    unfinished: str | None
    skipped: tuple[tuple[str, str], ...] = ()
    between: bool = False
    bisecting: str | None = None
    undecided: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def clean(self) -> bool:
        """Whether nothing is staged, changed or waiting; untracked files don't count."""
        return not (self.staged or self.unstaged or self.conflicts or self.unfinished)


def status(context: Context, progress: Progress | None = None) -> Status:
    """Look at HEAD, the stage and every file.

    Raises:
        StorageError: a file can't be read.
        IntegrityError: the repository is damaged.
    """
    branch, head = context.refs.branch(), context.refs.head()
    stage = read_stage(context)
    waiting, (_, search) = read_unfinished(context), read_bisection(context)
    conflicts = conflicted_paths(context, stage)
    kept = {p: c for p, c in undecided(context, stage).items() if conflicts.get(p) != "tensors"}
    comparison = Comparison(context, progress)
    unstaged = [
        Delta(state, path)
        for path in stage
        if path not in conflicts and (state := comparison.state(stage, path)) != "same"
    ]
    comparison.remember()
    found = untracked(context.root, {*stage, *conflicts})
    staged = deltas(head_snapshot(context), stage)
    return Status(
        branch=None if branch is None else branch.removeprefix(BRANCHES),
        head=None if head is None else CommitId(head),
        unborn=head is None,
        staged=tuple(delta for delta in staged if delta.path not in conflicts),
        unstaged=tuple(unstaged),
        untracked=tuple(found.paths),
        conflicts=tuple(Conflicted(path, kind) for path, kind in conflicts.items()),
        unfinished=None if waiting is None else waiting.kind,
        skipped=tuple(found.skipped),
        between=waiting is not None and waiting.between,
        bisecting=None
        if search is None
        else search.start.removeprefix("ref: ").removeprefix(BRANCHES),
        undecided=tuple((path, tuple(one.name for one in c)) for path, c in kept.items()),
    )


def changed_paths(
    context: Context, stage: Snapshot, paths: Iterable[str], *, unread: bool = False
) -> list[str]:
    """Those of ``paths`` that are on disk and that ``stage`` does not have as they are.

    A path with a conflict always counts: adding it settles the conflict. So does one of which the
    repository has lost what it was: adding it may bring that back. With ``unread`` a model counts that the
    stat cache does not know, whatever is in it: who reads it as a whole anyway shall not read it twice.
    """
    undecided = conflicted_paths(context, stage) if context.refs.raw(UNFINISHED) else {}
    comparison = Comparison(context)
    changed = [
        path
        for path in paths
        if look(context.root, path) is not None
        and (
            path not in stage
            or path in undecided
            or (unread and _is_unknown_model(comparison, stage, path))
            or _differs(comparison, stage, path)
        )
    ]
    comparison.remember()
    return changed


def _is_unknown_model(comparison: Comparison, stage: Snapshot, path: str) -> bool:
    if comparison.knows(path):
        return False
    try:
        manifest = stage.manifest(path)
    except IntegrityError:
        return False
    return manifest is not None and manifest.content is None


def _differs(comparison: Comparison, stage: Snapshot, path: str) -> bool:
    try:
        return comparison.state(stage, path) != "same"
    except IntegrityError:
        return True


def deltas(old: Snapshot, new: Snapshot) -> list[Delta]:
    """What changed between two snapshots, sorted by path, with Git's exact renames."""
    added = {path: new[path][1] for path in new if path not in old}
    deleted = {path: old[path][1] for path in old if path not in new}
    renames = exact_renames(deleted, added)
    sources = set(renames.values())
    found: list[Delta] = []
    for path in sorted({*old, *new}):
        if path in renames:
            found.append(Delta("renamed", path, renames[path]))
        elif path in added:
            found.append(Delta("new file", path))
        elif path in deleted:
            if path not in sources:
                found.append(Delta("deleted", path))
        elif old[path] != new[path]:
            found.append(Delta("modified", path))
    return found


def exact_renames(deleted: dict[str, BlobId], added: dict[str, BlobId]) -> dict[str, str]:
    """``new path → old path`` of files with one and the same blob; each old path goes once.

    As in Git's ``diffcore-rename.c``, a source with the same base name is preferred.
    """
    sources: dict[BlobId, list[str]] = {}
    for path, blob in sorted(deleted.items()):
        sources.setdefault(blob, []).append(path)
    found: dict[str, str] = {}
    for path, blob in sorted(added.items()):
        free = sources.get(blob)
        if free:
            name = path.rsplit("/", 1)[-1]
            same = (source for source in free if source.rsplit("/", 1)[-1] == name)
            found[path] = next(same, free[0])
            free.remove(found[path])
    return found
