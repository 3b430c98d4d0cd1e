"""``switch``, ``reset`` and ``undo``: HEAD, the stage and the work tree moving together.

The work tree moves before the refs do: files are replaced only where they hold nothing unsaved, so a crash in
between leaves files that the next command sees as changes, never a lost one.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Literal

from mvc.errors import DirtyWorktree, RefConflict, UsageError
from mvc.history import branches, log, revisions
from mvc.history.context import Context
from mvc.history.operations import Operation, reversed_changes, undo_target
from mvc.history.refs import BRANCHES, STAGE, UNFINISHED, check_name
from mvc.history.signature import Signature
from mvc.history.snapshot import Snapshot
from mvc.history.transaction import head_snapshot, read_stage, transaction
from mvc.ids import BlobId, CommitId
from mvc.worktree import index
from mvc.worktree.checkout import switch_files
from mvc.worktree.ingest import Progress

#: Whether ``switch`` makes the branch it goes to.
Create = Literal["no", "new", "force"]


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
    """
    if context.refs.raw(UNFINISHED) is not None and not discard:
        raise UsageError(
            "cannot switch branch while a merge or revert is unfinished",
            hint="mvc merge --continue or mvc merge --abort",
        )
    creating = create != "no"
    if not creating and target in ("-", "@{-1}"):
        target = revisions.previous_branch(context) or target
    ref = BRANCHES + target
    if not creating and not detach and context.refs.raw(ref) is None:
        raise _no_branch(context, target)
    if creating and context.refs.head() is None and start is None:
        _move_unborn(context, target, who)
        return
    commit = revisions.resolve(context, (start or "HEAD") if creating else target)
    new = log.snapshot(context, commit)
    before = read_stage(context)
    after = _carried(head_snapshot(context), before, new) if not discard else new
    switch_files(context, before, after, force=discard, progress=progress)
    with transaction(context, "switch", who) as current:
        origin = (context.refs.branch() or "").removeprefix(BRANCHES) or current.head
        if not (creating or detach) and context.refs.raw(ref) != commit:
            raise RefConflict(
                f"branch '{target}' moved while its files were checked out",
                hint="run the same command again",
            )
        if not discard:  # the files took their time: what others staged meanwhile comes along too
            after = _carried(head_snapshot(context), current.stage, new)
        if creating:
            branches.create_branch(current, target, commit, force=create == "force")
        current.move("HEAD", commit if detach and not creating else f"ref: {ref}")
        current.put_stage(after)
        if discard:
            current.move(UNFINISHED, None)
        current.worktree = True
        current.message = f"checkout: moving from {origin} to {target}"
    index.refresh(context)


def reset(context: Context, target: str, mode: str, *, who: Signature | None) -> CommitId:
    """Move the branch to ``target``; ``mixed`` also the stage, ``hard`` also the work tree.

    Raises:
        UsageError: there is no such mode, or a merge is unfinished and ``mode`` is soft.
        DirtyWorktree: an untracked file is where ``hard`` must write one.
    """
    if mode not in ("soft", "mixed", "hard"):
        raise UsageError(f"unknown mode {mode!r}", hint="soft, mixed or hard")
    commit = revisions.resolve(context, target)
    if mode == "soft" and context.refs.raw(UNFINISHED) is not None:
        raise UsageError(
            "cannot do a soft reset in the middle of a merge", hint="mvc merge --abort"
        )
    new = log.snapshot(context, commit)
    if mode == "hard":
        switch_files(context, read_stage(context), new, force=True)
    with transaction(context, "reset", who) as current:
        current.move(current.head_ref, commit)
        if mode != "soft":
            current.put_stage(new)
            current.move(UNFINISHED, None)
        current.worktree = mode == "hard"
        current.message = f"reset: moving to {target}"
    index.refresh(context)
    return commit


def undo(context: Context, who: Signature | None) -> Operation:
    """Take back the newest operation that no undo has taken back yet.

    Raises:
        UsageError: there is none.
        DirtyWorktree: the files it moved hold unsaved work.
    """
    operation = undo_target(context.operations)
    if operation is None:
        raise UsageError("nothing to undo", hint="mvc reflog shows where HEAD has been")
    if operation.worktree:
        stage = next((c for c in operation.changes if c.ref == STAGE), None)
        if stage is not None:
            old = Snapshot.of_tree(context.git, stage.old)
            switch_files(context, read_stage(context), old)
    with transaction(context, "undo", who) as current:
        latest = undo_target(context.operations)
        if latest is None or latest.id != operation.id:
            raise RefConflict(
                f"another command ran meanwhile; '{operation.message}' is not the last any more",
                hint="run the same command again",
            )
        for change in reversed_changes(operation):
            current.move(change.ref, change.new)
        current.worktree = operation.worktree
        current.undoes = operation.id
        current.message = f"undo: {operation.message}"
    index.refresh(context)
    return operation


def _carried(head: Snapshot, stage: Snapshot, new: Snapshot) -> Snapshot:
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


def _no_branch(context: Context, target: str) -> UsageError:
    if revisions.try_resolve(context, target) is not None:
        return UsageError(
            f"a branch is expected, got commit '{target}'",
            hint=f"mvc switch --detach {target} to look at it, or -c NAME {target} for a new branch",
        )
    close = get_close_matches(target, branches.branch_names(context), n=1)
    hint = f"did you mean '{close[0]}'?" if close else f"mvc switch -c {target} creates it"
    return UsageError(f"invalid reference: {target}", hint=hint)
