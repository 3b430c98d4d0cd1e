"""``switch`` and ``reset``: HEAD, the stage and the work tree moving together.

New files are written before the lock of the refs is taken, and put into place under it, right before the refs
move: a command that another one forestalled has touched nothing, and a crash in between leaves files that the
next command sees as changes, never a lost one.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Literal

from mvc.errors import DirtyWorktree, RefConflict, UsageError
from mvc.history import branches, log, revisions
from mvc.history.context import Context, writes_objects
from mvc.history.refs import BRANCHES, STAGE, UNFINISHED, check_name
from mvc.history.signature import Signature
from mvc.history.snapshot import Snapshot
from mvc.history.transaction import Transaction, head_snapshot, read_stage, transaction
from mvc.ids import BlobId, CommitId
from mvc.values import dataclass
from mvc.worktree import index
from mvc.worktree.ahead import Ahead
from mvc.worktree.checkout import prepared
from mvc.worktree.ingest import Progress

#: Whether ``switch`` makes the branch it goes to.
Create = Literal["no", "new", "force"]


@writes_objects
def switch(
    context: Context,
    target: str,
    *,
    create: Create,
    detach: bool,
    discard: bool,
    start: str | None,
    who: Signature | None,
    progress: Progress | None,
) -> None:
    """Move to a branch, a new branch at ``start``, or (``detach``) to a commit.

    ``create`` ``new`` refuses a name that is taken, ``force`` moves the branch of that name.

    Raises:
        UsageError: no such branch, or a merge is unfinished.
        DirtyWorktree: unsaved work is in the way and ``discard`` is off.
        RefConflict: HEAD or the branch moved meanwhile; nothing has changed.
    """
    if context.refs.raw(UNFINISHED) is not None and not discard:
        raise UsageError(
            "cannot switch branch while a merge, revert or stash is unfinished",
            hint="mvc status says how to conclude it, or to give it up",
        )
    creating, at = create != "no", place_of(context)
    if not creating:
        target = revisions.spelled_out(context, target)
    elif start is not None:
        start = revisions.spelled_out(context, start)
    ref = BRANCHES + target
    if not creating and not detach and context.refs.raw(ref) is None:
        raise _no_branch(context, target)
    if creating and context.refs.head() is None and start is None:
        _move_unborn(context, target, who)
        return
    commit = revisions.resolve(context, (start or "HEAD") if creating else target)

    def claim(current: Transaction) -> None:
        if not (creating or detach) and context.refs.raw(ref) != commit:
            raise _forestalled(f"branch '{target}'")
        if creating:
            force, moving = create == "force", current.message
            branches.create_branch(
                current, target, commit, origin=start or "HEAD", force=force, current=force
            )
            current.message = moving
        if discard:
            current.move(UNFINISHED, None)

    go(
        context,
        Target(commit, commit if detach and not creating else f"ref: {ref}", target),
        at=at,
        claim=claim,
        discard=discard,
        who=who,
        progress=progress,
    )


@dataclass(frozen=True, slots=True)
class Target:
    """Where HEAD goes: to ``commit``, and then it says ``head``; ``name`` is the place for the reflog."""

    commit: CommitId
    head: str
    name: str


def go(
    context: Context,
    to: Target,
    *,
    at: tuple[str | None, ...],
    claim: Callable[[Transaction], None],
    discard: bool = False,
    who: Signature | None,
    progress: Progress | None,
    ahead: Ahead | None = None,
) -> None:
    """Bring HEAD, which was ``at``, and with it stage and files, ``to`` another place.

    ``claim`` moves what else there is to move in the same operation, may name it, and raises if it can't be any
    more. ``ahead`` may have the files already.

    Raises:
        DirtyWorktree: unsaved work is in the way and ``discard`` is off.
        RefConflict: HEAD moved meanwhile; nothing has changed.
    """
    new = log.snapshot(context, to.commit)
    before = read_stage(context)
    after = carried(head_snapshot(context), before, new) if not discard else new
    with (
        prepared(context, before, after, force=discard, progress=progress, ahead=ahead) as files,
        transaction(context, "switch", who) as current,
    ):
        if place_of(context) != at:
            raise _forestalled("HEAD")
        origin = (context.refs.branch() or "").removeprefix(BRANCHES) or current.head
        if not discard:  # the files took their time: what others staged meanwhile comes along too
            after = carried(head_snapshot(context), current.stage, new)
        moving = current.message = f"checkout: moving from {origin} to {to.name}"
        claim(current)
        current.move("HEAD", to.head, moving if current.message != moving else None)
        current.put_stage(after)
        current.worktree = True
        files.put_in_place()
    index.refresh(context)


@writes_objects
def reset(
    context: Context,
    target: str,
    mode: str,
    who: Signature | None,
    progress: Progress | None = None,
) -> CommitId | None:
    """Move the branch to ``target``; ``mixed`` also the stage, ``hard`` also the work tree.

    As in Git a branch without a commit has nothing to move: what is staged goes all the same, and None comes
    back.

    Raises:
        UsageError: there is no such mode, or a merge is unfinished and ``mode`` is soft.
        DirtyWorktree: an untracked file is where ``hard`` must write one.
        RefConflict: HEAD or the stage moved meanwhile; nothing has changed.
    """
    if mode not in ("soft", "mixed", "hard"):
        raise UsageError(f"unknown mode {mode!r}", hint="soft, mixed or hard")
    at, stage = place_of(context), context.refs.raw(STAGE)
    unborn = target == "HEAD" and context.refs.head() is None
    commit = None if unborn else revisions.resolve(context, target)
    if mode == "soft" and context.refs.raw(UNFINISHED) is not None:
        raise UsageError(
            "cannot do a soft reset in the middle of a merge", hint="mvc merge --abort"
        )
    new = log.snapshot(context, commit) if commit else Snapshot(context.git, {})
    touched = None if mode == "hard" else ()
    with (
        prepared(
            context, read_stage(context), new, force=True, paths=touched, progress=progress
        ) as files,
        transaction(context, "reset", who) as current,
    ):
        if (place_of(context), context.refs.raw(STAGE)) != (at, stage):
            raise _forestalled("HEAD or the stage")
        if commit is not None:
            current.move(current.head_ref, commit)
        if mode != "soft":
            current.put_stage(new)
            current.move(UNFINISHED, None)
        current.worktree = mode == "hard"
        current.message = f"reset: moving to {target}"
        files.put_in_place()
    index.refresh(context)
    return commit


def carried(head: Snapshot, stage: Snapshot, new: Snapshot) -> Snapshot:
    """``new`` with what is staged against ``head`` on top, as Git carries staged changes along.

    Raises:
        DirtyWorktree: a staged file also differs between the two commits.
    """
    changes: dict[str, tuple[int, BlobId] | None] = {}
    blocked: list[str] = []
    for path in {*head, *stage}:
        if stage.get(path) == head.get(path):
            continue
        if head.get(path) == new.get(path):
            changes[path] = stage.get(path)
        elif stage.get(path) != new.get(path):
            blocked.append(path)
    if blocked:
        raise DirtyWorktree(
            "your staged changes to the following files would be overwritten by checkout: "
            + ", ".join(sorted(blocked)),
            hint="mvc commit them first",
        )
    return new.with_files(changes)


def _move_unborn(context: Context, name: str, who: Signature | None) -> None:
    ref = BRANCHES + check_name(name, "branch")
    with transaction(context, "switch", who) as current:
        current.move("HEAD", f"ref: {ref}")
        current.message = f"checkout: moving to unborn {name}"


def place_of(context: Context) -> tuple[str | None, ...]:
    """What HEAD is, the commit that it names, and what is unfinished on it."""
    return context.refs.raw("HEAD"), context.refs.head(), context.refs.raw(UNFINISHED)


def _forestalled(what: str) -> RefConflict:
    return RefConflict(
        f"{what} moved while the files were prepared; nothing has changed",
        hint="run the same command again",
    )


def _no_branch(context: Context, target: str) -> UsageError:
    if revisions.try_resolve(context, target) is not None:
        return UsageError(
            f"a branch is expected, got commit '{target}'",
            hint=f"mvc switch --detach {target} to look at it, or -c NAME {target} for a new branch",
        )
    close = get_close_matches(target, branches.branch_names(context), n=1)
    hint = f"did you mean '{close[0]}'?" if close else f"mvc switch -c {target} creates it"
    return UsageError(f"invalid reference: {target}", hint=hint)
