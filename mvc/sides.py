"""Which two sides a ``diff`` means: commits, the stage or the work tree, by Git's rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mvc.history import log, revisions
from mvc.history.context import Context
from mvc.history.git import Commit
from mvc.history.side import Side, SnapshotSide
from mvc.history.snapshot import Snapshot
from mvc.history.transaction import head_snapshot, read_stage
from mvc.ids import CommitId

if TYPE_CHECKING:
    from mvc.diff.changes import Difference, Progress
    from mvc.diff.report import Report


def compare(
    context: Context,
    old: str | None,
    new: str | None,
    *,
    staged: bool,
    paths: Sequence[str],
    tensors: Sequence[str],
    numeric: bool | int,
    progress: Progress | None,
) -> Difference:
    """What changed between the two sides that ``old``, ``new`` and ``staged`` mean.

    Raises:
        UsageError: a revision names no commit.
    """
    from mvc.diff.models import compare_sides

    left, right = sides(context, old, new, staged=staged, progress=progress)
    return compare_sides(
        left, right, paths=paths, tensors=tensors, numeric=numeric, progress=progress
    )


def report(
    context: Context,
    old: str | None,
    new: str | None,
    *,
    staged: bool,
    paths: Sequence[str],
    tensors: Sequence[str],
    portraits: bool,
    spectra: int | None,
    progress: Progress | None,
) -> Report:
    """What changed between the two sides, with all that a page about it shows.

    Raises:
        UsageError: a revision names no commit.
    """
    from mvc.diff.models import compare_sides
    from mvc.diff.report import report

    left, right = sides(context, old, new, staged=staged, progress=progress)
    found = compare_sides(left, right, paths=paths, tensors=tensors, progress=progress)
    return report(left, right, found, portraits=portraits, spectra=spectra, progress=progress)


def compare_commit(
    context: Context,
    commit: Commit,
    paths: Sequence[str],
    *,
    numeric: bool | int,
    progress: Progress | None,
) -> Difference:
    """What a commit changed against its first parent."""
    before, after = log.parent_snapshot(context, commit), Snapshot.of_tree(context.git, commit.tree)
    if before == after:
        from mvc.diff.changes import Difference

        return Difference()
    from mvc.diff.models import compare_sides

    old, new = SnapshotSide(before, context.store), SnapshotSide(after, context.store)
    return compare_sides(old, new, paths=paths, numeric=numeric, progress=progress)


def sides(
    context: Context,
    old: str | None,
    new: str | None,
    *,
    staged: bool,
    progress: Progress | None = None,
) -> tuple[Side, Side]:
    """Nothing given: stage and work tree. ``staged``: HEAD, or ``old``, and the stage. One revision: it
    and the work tree. Two, or ``A..B``: those. ``A...B``: their merge base and B.

    Raises:
        UsageError: a revision names no commit.
    """
    if old is not None and new is None and ".." in old:
        range_ = revisions.parse_range(context, [old])
        assert range_.left is not None and range_.right is not None
        left = range_.exclude[0] if range_.symmetric and range_.exclude else range_.left
        return _commit(context, left), _commit(context, range_.right)
    if old is not None and new is not None:
        return _named(context, old), _named(context, new)
    stage = read_stage(context)
    if staged:
        head = SnapshotSide(head_snapshot(context), context.store)
        return (_named(context, old) if old else head), SnapshotSide(stage, context.store)
    from mvc.worktree.side import WorktreeSide

    left_side = _named(context, old) if old else SnapshotSide(stage, context.store)
    return left_side, WorktreeSide(context, stage, progress)


def one_side(
    context: Context, path: str, revision: str | None, progress: Progress | None = None
) -> Side:
    """The commit ``revision``, the stage where it is ``""``, or for None the work tree.

    Of the work tree only ``path`` is looked at, where that is a tracked file: others may have changed, and to
    describe those they would have to be hashed.

    Raises:
        UsageError: ``revision`` names no commit.
    """
    if revision:
        return _named(context, revision)
    stage = read_stage(context)
    if revision is not None:
        return SnapshotSide(stage, context.store)
    from mvc.worktree.side import WorktreeSide

    alone = Snapshot(context.git, {path: stage[path]}) if path in stage else stage
    return WorktreeSide(context, alone, progress)


def _named(context: Context, revision: str) -> Side:
    return _commit(context, revisions.resolve(context, revision))


def _commit(context: Context, id_: CommitId) -> Side:
    return SnapshotSide(log.snapshot(context, id_), context.store)
