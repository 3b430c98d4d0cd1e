"""Verbs that look back, and go back: what made a commit, where a ref has been, the operation log, ``undo``.

Functions of an open repository, which ``Repository`` binds as methods. Hold no algorithm; they are in
``history/`` and ``worktree/``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mvc.opened import Opened

if TYPE_CHECKING:
    from mvc.history.operation import Operation
    from mvc.history.record import Record
    from mvc.history.reflog import Move


def record(repo: Opened, revision: str = "HEAD") -> Record | None:
    """What made a commit; None for one that another tool made."""
    from mvc.history import commits

    return commits.record_of(repo._context, repo.read_commit(revision))


def reflog(repo: Opened, ref: str = "HEAD") -> list[Move]:
    """Where ``ref`` has been, newest first."""
    from mvc.history import branches

    return branches.moves_of(repo._context, ref)


def unstage(repo: Opened, paths: Sequence[str], revision: str | None = None) -> list[str]:
    """``paths`` on the stage as a commit has them, HEAD unless told; those found, for none need be."""
    from mvc.worktree.restoring import restore

    return restore(
        repo._context,
        repo._inside(paths),
        source=revision,
        staged=True,
        worktree=False,
        pick=None,
        who=repo._now,
        progress=repo.progress,
        strict=False,
    )


def operations(repo: Opened) -> Iterator[Operation]:
    """The operation log, newest first."""
    return repo._context.operations.walk()


def undo(repo: Opened) -> Operation:
    """Take back the last operation: refs, stage, and the work tree where it had moved it.

    UsageError if there is nothing to undo, DirtyWorktree if unsaved work is in the way.
    """
    from mvc.worktree.returning import undo

    return undo(repo._context, repo._now)


def restore_operation(repo: Opened, id_: str) -> Operation:
    """Refs, stage and work tree as they were after an operation; ``@{n}`` counts back."""
    from mvc.worktree.returning import restore_operation

    return restore_operation(repo._context, id_, repo._now)
