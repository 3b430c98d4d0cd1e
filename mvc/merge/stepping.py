"""The commit of a step: new tensors and files on HEAD with a record of what made them, or nothing at all.

As in ``merging`` the slow part comes before the lock of the refs; under it the files are put into place and the
refs move in one operation. A refused step becomes a commit that no branch has: no file of the user moves.
"""

from __future__ import annotations

from mvc.errors import NothingToCommit, RefConflict
from mvc.history import log, refused, revisions
from mvc.history.commits import first_line, write_commit
from mvc.history.context import Context, writes_objects
from mvc.history.signature import Signature
from mvc.history.step import Step
from mvc.history.transaction import head_snapshot, read_stage, transaction
from mvc.ids import CommitId
from mvc.merge.editing import edited
from mvc.merge.job import Progress
from mvc.merge.merging import refuse_unfinished, require_clean_stage
from mvc.worktree import index
from mvc.worktree.checkout import prepared


@writes_objects
def commit_step(
    context: Context, step: Step, *, who: Signature, progress: Progress | None = None
) -> CommitId:
    """Commit ``step`` on HEAD and check it out.

    Raises:
        RefConflict: HEAD is not ``step.onto`` any more, or something was staged; nothing has changed.
        DirtyWorktree: unsaved work is in the way; nothing has changed.
        NothingToCommit: the step changes nothing, and may not.
        UsageError: a merge is unfinished, something is staged, or the edit can't be made.
    """
    ready(context)
    onto = revisions.resolve(context, step.onto)
    objects = context.writer()
    before = read_stage(context)
    result = edited(context, objects, before, step, progress)
    if dict(result) == dict(before) and not step.allow_empty:
        raise NothingToCommit("nothing to commit: the step changes nothing")
    with (
        prepared(context, before, result, progress=progress) as files,
        transaction(context, step.operation, who) as current,
    ):
        staged = dict(current.stage) != dict(head_snapshot(context))
        if current.head != onto or staged:
            what = "something was staged" if staged else "HEAD moved"
            raise RefConflict(
                f"{what} while the step was made; nothing has changed",
                hint="run the same command again",
            )
        id_ = write_commit(current, result, [onto], step.plan(who))
        current.move(current.head_ref, id_)
        current.put_stage(result)
        current.message = f"{step.operation}: {first_line(step.message)}"
        current.worktree = True
        files.put_in_place()
    index.refresh(context)
    return id_


def ready(context: Context) -> None:
    """Let a step begin.

    Raises:
        UsageError: a merge is unfinished, or something is staged.
    """
    refuse_unfinished(context)
    require_clean_stage(context, "the step")


@writes_objects
def refuse_step(
    context: Context, step: Step, *, who: Signature, progress: Progress | None = None
) -> tuple[int, CommitId]:
    """Keep ``step`` as a refused try of its own ref; gives its number and the commit."""
    onto = revisions.resolve(context, step.onto)
    objects = context.writer()
    result = edited(context, objects, log.snapshot(context, onto), step, progress)
    with transaction(context, step.operation, who) as current:
        id_ = write_commit(current, result, [onto], step.plan(who))
        number = refused.keep(current, id_)
        current.message = f"{step.operation}: refused: {first_line(step.message)}"
    return number, id_


def forget_refused(context: Context, number: int, who: Signature | None) -> None:
    """Let a refused try go.

    Raises:
        UsageError: there is no such try.
    """
    with context.gc_held_off(), transaction(context, "compress", who) as current:
        refused.forget(current, number)
        current.message = f"compress: forget refused try {number}"
