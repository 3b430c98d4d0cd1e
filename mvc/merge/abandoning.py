"""Giving up a merge or revert that waits for the user, or leaving out one of several reverts.

Apart from ``merging.py`` because it merges nothing: it only goes back.
"""

from __future__ import annotations

from mvc.errors import RefConflict, UsageError
from mvc.history import log
from mvc.history.context import Context, writes_objects
from mvc.history.refs import STAGE, UNFINISHED
from mvc.history.signature import Signature
from mvc.history.transaction import head_snapshot, read_stage, transaction
from mvc.history.unfinished import (
    Sequel,
    Unfinished,
    conflicted_paths,
    follow,
    read_unfinished,
)
from mvc.ids import CommitId
from mvc.worktree import index
from mvc.worktree.checkout import prepared


@writes_objects
def abort(context: Context, kind: str, *, who: Signature | None) -> None:
    """Give up the unfinished merge or revert; HEAD's files come back.

    That of several commits goes back to before the first one, unless the user has committed since: then it is
    only forgotten.

    Raises:
        As ``give_up``; UsageError also if none is unfinished.
    """
    waiting = read_unfinished(context)
    if waiting is None or waiting.kind != kind:
        raise UsageError(f"there is no {kind} to abort", hint="mvc status shows what is going on")
    if waiting.sequel is None:
        give_up(context, waiting, None, who=who)
    elif waiting.sequel.home is not None or context.refs.head() == waiting.onto:
        give_up(context, waiting, None, to=waiting.sequel.start, who=who)
    else:
        with transaction(context, kind, who) as current:
            current.move(UNFINISHED, None)
            current.message = f"{kind}: aborted, HEAD stays"


@writes_objects
def give_up(
    context: Context,
    waiting: Unfinished,
    sequel: Sequel | None,
    *,
    to: CommitId | None = None,
    who: Signature | None,
) -> None:
    """Stage and files as they are in HEAD, or HEAD at ``to``; then what is left of ``sequel`` waits.

    As in ``git reset --merge`` a file that is on the stage as it shall be keeps its local changes.

    Raises:
        UsageError: the revision to go back to is not there.
        DirtyWorktree: a file that must change has local changes, and no conflict.
    """
    kind, stage = waiting.kind, context.refs.raw(STAGE)
    target = log.snapshot(context, to) if to else head_snapshot(context)
    undecided = conflicted_paths(context)
    with (
        prepared(context, read_stage(context), target, force=undecided) as files,
        transaction(context, kind, who) as current,
    ):
        if context.refs.raw(STAGE) != stage or read_unfinished(context) != waiting:
            raise RefConflict(
                f"something was staged while the {kind} ran; nothing has changed",
                hint="run the same command again",
            )
        current.put_stage(target)
        home = waiting.sequel.home if to and waiting.sequel else None
        if home is not None:
            head, place = (f"ref: {home}", home) if home != "HEAD" else (to, to)
            current.move("HEAD", head, f"{kind} (abort): returning to {place}")
        elif to:
            current.move(current.head_ref, to, f"reset: moving to {to}")
        follow(current, waiting, sequel)
        current.worktree = True
        current.message = f"{kind}: {'skipped' if sequel else 'aborted'}"
        files.put_in_place()
    index.refresh(context)
