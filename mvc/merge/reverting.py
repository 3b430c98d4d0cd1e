"""``revert``: the three-way merge whose base is the commit itself and whose other side is its parent."""

from __future__ import annotations

from mvc.errors import UsageError
from mvc.history import log, revisions
from mvc.history.context import Context, writes_objects
from mvc.history.git import Commit
from mvc.history.signature import Signature
from mvc.history.snapshot import Snapshot
from mvc.history.unfinished import WHOLE, Manner, Sequel, Unfinished
from mvc.ids import CommitId
from mvc.merge.merging import Outcome, carry_out, refuse_unfinished
from mvc.worktree.ingest import Progress


@writes_objects
def revert(
    context: Context,
    revision: str,
    *,
    mainline: int | None,
    strategy: str | None,
    message: str | None,
    author: Signature | None = None,
    who: Signature,
    progress: Progress | None,
    tensors: tuple[str, ...] = (),
) -> Outcome:
    """A new commit on HEAD without what ``revision`` changed; later changes stay.

    ``tensors`` are globs of those that alone are taken back.

    Raises:
        UsageError: HEAD is unborn, a merge commit is given without ``mainline``, or nothing would change.
        MergeConflict: a later commit changed the same tensors.
    """
    refuse_unfinished(context)
    return take_back(
        context,
        revision,
        strategy=strategy,
        message=message,
        author=author,
        who=who,
        progress=progress,
        manner=Manner(mainline, tensors),
    )


@writes_objects
def take_back(
    context: Context,
    revision: str,
    *,
    strategy: str | None,
    message: str | None,
    author: Signature | None,
    who: Signature,
    progress: Progress | None,
    sequel: Sequel | None = None,
    manner: Manner = WHOLE,
) -> Outcome:
    """``revert``, as one of several: ``sequel`` says what is still to do, ``manner`` which tensors.

    Raises:
        As ``revert``.
    """
    commit = context.git.commit(revisions.resolve(context, revision))
    head = revisions.resolve(context, "HEAD")
    parent = parent_of(commit, manner.mainline, "revert")
    before = log.snapshot(context, parent) if parent else Snapshot(context.git, {})
    plan = Unfinished(
        kind="revert",
        onto=head,
        theirs=commit.id,
        message=message or revert_message(commit, parent),
        operation="revert",
        strategy=strategy,
        sequel=sequel,
        manner=manner,
    )
    sides = (log.snapshot(context, commit.id), log.snapshot(context, head), before)
    label = f"parent of {revisions.shorten(commit.id)} ({commit.subject})"
    return carry_out(context, plan, sides, label, author or who, who, progress)


def revert_message(commit: Commit, parent: CommitId | None) -> str:
    """Git's words for a revert, and for the revert of one (since Git 2.43)."""
    if len(commit.parents) > 1:
        tail = f"This reverts commit {commit.id}, reversing\nchanges made to {parent}.\n"
    else:
        tail = f"This reverts commit {commit.id}.\n"
    subject = f'Revert "{commit.subject}"'
    undone = commit.subject.removeprefix('Revert "')
    # Reverts of reverts of reverts keep piling up, as in Git: they could be nested in any way.
    if undone != commit.subject and not undone.startswith('Revert "'):
        subject = f'Reapply "{undone}'
    return f"{subject}\n\n{tail}"


def parent_of(commit: Commit, mainline: int | None, verb: str) -> CommitId | None:
    """The parent that the commit's change is told from; None of a first commit.

    Raises:
        UsageError: it is a merge and ``mainline`` is not given, or it has no such parent.
    """
    if not commit.parents:
        return None
    if len(commit.parents) > 1 and mainline is None:
        raise UsageError(
            f"commit {commit.id} is a merge but no -m option was given",
            hint=f"mvc {verb} -m 1 {revisions.shorten(commit.id)} tells it from the first parent",
        )
    number = mainline or 1
    if not 1 <= number <= len(commit.parents):
        raise UsageError(f"commit {commit.id} does not have parent {number}")
    return commit.parents[number - 1]
