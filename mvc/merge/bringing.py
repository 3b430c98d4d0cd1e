"""``cherry-pick``: the three-way merge whose base is a commit's parent and whose other side is the commit."""

from __future__ import annotations

import re

from mvc.errors import UsageError
from mvc.history import log, revisions
from mvc.history.context import Context, writes_objects
from mvc.history.git import Commit
from mvc.history.record import without_trailer
from mvc.history.signature import Signature
from mvc.history.snapshot import Snapshot
from mvc.history.unfinished import Manner, Sequel, Unfinished
from mvc.ids import CommitId
from mvc.merge.merging import Outcome, carry_out
from mvc.merge.reverting import parent_of
from mvc.worktree.ingest import Progress

_TRAILERS = re.compile(r"[A-Za-z0-9-]+: .*|\(cherry picked from commit .*\)")


@writes_objects
def bring_over(
    context: Context,
    revision: str,
    *,
    strategy: str | None,
    manner: Manner,
    author: Signature | None = None,
    who: Signature,
    progress: Progress | None,
    sequel: Sequel | None = None,
) -> Outcome:
    """A new commit on HEAD with what ``revision`` changed, by its author; ``sequel``: what is still to do.

    Raises:
        UsageError: HEAD is unborn, a merge commit is given without a mainline, or nothing would change.
        MergeConflict: both sides changed the same tensors.
    """
    commit = context.git.commit(revisions.resolve(context, revision))
    head = revisions.resolve(context, "HEAD")
    parent = parent_of(commit, manner.mainline, "cherry-pick")
    plan = Unfinished(
        kind="cherry-pick",
        onto=head,
        theirs=commit.id,
        message=picked_message(commit, cite=manner.cite),
        operation="cherry-pick",
        strategy=strategy,
        sequel=sequel,
        manner=manner,
    )
    before = log.snapshot(context, parent) if parent else Snapshot(context.git, {})
    sides = (before, log.snapshot(context, head), log.snapshot(context, commit.id))
    return carry_out(context, plan, sides, label_of(commit), author or commit.author, who, progress)


def label_of(commit: Commit) -> str:
    """What Git calls the commit in markers and messages."""
    return f"{revisions.shorten(commit.id)} ({commit.subject})"


def picked_message(commit: Commit, *, cite: bool) -> str:
    """The commit's own words; ``cite`` names it at their end, joined to trailers as Git does."""
    text = without_trailer(commit.message)
    if not cite:
        return text
    *rest, last = text.strip().split("\n\n")
    joins = bool(rest) and all(_TRAILERS.fullmatch(line) for line in last.split("\n"))
    gap = "\n" if joins else "\n\n"
    return f"{text.strip()}{gap}(cherry picked from commit {commit.id})\n"


def parent_snapshot(context: Context, commit: CommitId, mainline: int | None) -> Snapshot:
    """The files that a commit started from.

    Raises:
        UsageError: it is a merge, and ``mainline`` does not say of which parent.
    """
    parent = parent_of(context.git.commit(commit), mainline, "cherry-pick")
    return log.snapshot(context, parent) if parent else Snapshot(context.git, {})


def refuse_untouched(commit: CommitId, globs: tuple[str, ...]) -> UsageError:
    """What to say where a commit changed no tensor that the globs name."""
    short = revisions.shorten(commit)
    return UsageError(
        f"{short} changed no tensor that matches {', '.join(globs)}", hint=f"mvc show {short}"
    )
