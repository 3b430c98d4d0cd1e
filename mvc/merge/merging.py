"""The verb ``merge``: Git's decisions around the tensor merge.

Tensors are merged and files written before the lock of the refs is taken; under it the files are put into place
and the refs move in one operation, or nothing does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mvc.errors import MergeConflict, NothingToCommit, RefConflict, UsageError
from mvc.history import log, revisions
from mvc.history.commits import first_line, write_commit
from mvc.history.context import Context, writes_objects
from mvc.history.refs import STAGE
from mvc.history.signature import Signature
from mvc.history.snapshot import Snapshot
from mvc.history.transaction import Transaction, head_snapshot, read_stage, transaction
from mvc.history.unfinished import (
    Unfinished,
    conflicted_paths,
    follow,
    read_unfinished,
    settle,
    waiting_tensors,
    write_unfinished,
)
from mvc.ids import CommitId
from mvc.merge import strategies
from mvc.merge.accounting import Taken, accounted
from mvc.merge.bases import merge_base
from mvc.merge.concluding import plan_of
from mvc.merge.conflicts import announce
from mvc.merge.recipe import Recipe
from mvc.merge.resolving import resolved
from mvc.merge.three_way import Merged, merge_commits
from mvc.merge.wording import merge_message
from mvc.paths import named
from mvc.values import dataclass
from mvc.worktree import index
from mvc.worktree.checkout import prepared
from mvc.worktree.ingest import Progress
from mvc.worktree.switching import carried

THREE_WAY = "tensor three-way strategy"


@dataclass(frozen=True, slots=True)
class Outcome:
    """``kind``: up-to-date, fast-forward, merge, revert or cherry-pick; ``commit``: where the branch is now."""

    kind: str
    commit: CommitId
    before: CommitId | None
    merged: Merged | None = None


@writes_objects
def merge(
    context: Context,
    other: str,
    *,
    message: str | None,
    fast_forward: str,
    strategy: str | None,
    keep_conflicts: bool = False,
    author: Signature | None = None,
    who: Signature,
    progress: Progress | None,
) -> Outcome:
    """Merge the revision ``other`` into HEAD; ``keep_conflicts``: commit tensors that stay undecided, as such.

    Raises:
        UsageError: a merge is unfinished, or a fast-forward was demanded and is not possible.
        DirtyWorktree: unsaved work is in the way.
        MergeConflict: undecided tensors or files; ``status`` lists them.
    """
    refuse_unfinished(context)
    if strategy is not None:
        strategies.named(strategy)  # a word that is off is refused even when it is not needed
    other = "@{-1}" if other == "-" else other
    theirs = revisions.resolve(context, other)
    head = context.refs.head()
    if head is None:
        return _fast_forward(context, None, theirs, other, who, progress)
    ours = CommitId(head)
    if context.git.is_ancestor(theirs, ours):
        return Outcome("up-to-date", ours, ours)
    if context.git.is_ancestor(ours, theirs) and fast_forward != "never":
        return _fast_forward(context, ours, theirs, other, who, progress)
    if fast_forward == "only":
        raise UsageError(
            "not possible to fast-forward, aborting", hint="mvc merge without --ff-only"
        )
    plan = Unfinished(
        kind="merge",
        onto=ours,
        theirs=theirs,
        message=message or merge_message(context, other),
        operation="merge",
        strategy=strategy,
        keep=keep_conflicts,
    )
    sides = _bases(context, ours, theirs)
    return carry_out(context, plan, sides, other, author or who, who, progress)


def carry_out(
    context: Context,
    plan: Unfinished,
    sides: tuple[Snapshot | None, Snapshot, Snapshot],
    label: str,
    author: Signature,
    who: Signature,
    progress: Progress | None,
) -> Outcome:
    """Merge ``(base, ours, theirs)``, then commit, or leave the conflict for the user.

    Raises:
        MergeConflict: the stage and the work tree hold what could be merged.
    """
    require_clean_stage(context, plan.kind)
    base, ours, theirs = sides
    objects = context.writer()
    merged = merge_commits(
        context,
        objects,
        base,
        ours,
        theirs,
        strategy=plan.strategy,
        labels=("HEAD", label),
        progress=progress,
        only=plan.manner.tensors,
    )
    objects.flush()
    taken = None
    if plan.kind != "merge" and not merged.conflicted:
        taken = accounted(ours, Snapshot(context.git, merged.files), theirs)
    return settle_down(context, plan, merged, label, author, who, progress, taken=taken)


def settle_down(
    context: Context,
    plan: Unfinished,
    merged: Merged,
    label: str,
    author: Signature,
    who: Signature,
    progress: Progress | None,
    *,
    heads: Sequence[CommitId] | None = None,
    taken: Taken | None = None,
) -> Outcome:
    """Commit what was merged, or leave the conflict for the user; ``heads``: the parents of a merge, when they
    are others than the two sides; ``taken``: what the record shall say of its tensors.

    Raises:
        NothingToCommit: a pick or a revert changes nothing; a pick waits.
        MergeConflict: the stage and the work tree hold what could be merged.
    """
    result = Snapshot(context.git, merged.files)
    before = read_stage(context)
    stopped = bool(merged.conflicts) if plan.keep else merged.conflicted
    empty = (
        plan.kind == "cherry-pick"
        and dict(result) == dict(before)
        and not merged.conflicted
        and not _may_be_empty(context, plan)
    )
    if plan.kind == "revert" and not merged.conflicted and dict(result) == dict(before):
        raise NothingToCommit(
            f"nothing to commit: {label.removeprefix('parent of ')} is already taken back",
            hint="mvc log shows what came after it",
        )
    with (
        prepared(context, before, result, progress=progress) as files,
        transaction(context, plan.kind, who) as current,
    ):
        _require_unmoved(current, plan.onto)
        if stopped or empty:
            stage_before = context.refs.raw(STAGE)
            waiting = replace(plan, conflicts=merged.conflicts, stage_before=stage_before)
            write_unfinished(current, waiting)
            why = "changes nothing" if empty else "stopped at a conflict"
            current.message = f"{plan.kind} {label}: {why}"
        else:
            parents = [plan.onto, plan.theirs] if plan.kind == "merge" else [plan.onto]
            parents = parents if heads is None else list(heads)
            id_ = write_commit(current, result, parents, plan_of(plan, author, who, taken))
            current.move(current.head_ref, id_)
            follow(current, replace(plan, onto=id_), plan.sequel)
            how = f"strategy {plan.strategy}" if plan.recipe and plan.strategy else THREE_WAY
            current.message = f"{plan.kind} {label}: Merge made by the {how}."
            if plan.kind != "merge":
                current.message = f"{plan.kind}: {first_line(plan.message)}"
        current.put_stage(result)
        current.worktree = True
        files.put_in_place()
    index.refresh(context)
    if empty:
        raise NothingToCommit(
            "The previous cherry-pick is now empty, possibly due to conflict resolution.",
            hint="mvc commit --allow-empty commits it anyway; mvc cherry-pick --skip leaves it out",
        )
    if not stopped:
        return Outcome(plan.kind, id_, plan.onto, merged)
    raise MergeConflict(
        "\n".join([*announce(merged, ("HEAD", label), keep=plan.keep), failed(context, plan)]),
        hint=f"mvc status lists them; mvc checkout --ours|--theirs PATH, then mvc {plan.kind} "
        f"--continue; or {f'mvc {plan.kind} --skip, or ' if plan.kind != 'merge' else ''}"
        f"mvc {plan.kind} --abort",
    )


def failed(context: Context, plan: Unfinished) -> str:
    """Git's last line before its hints, where it stops at a conflict."""
    if plan.kind in ("merge", "revert"):
        return f"Automatic {plan.kind} failed; fix conflicts and then commit the result."
    subject = context.git.commit(plan.theirs).subject
    return f"could not apply {revisions.shorten(plan.theirs)}... {subject}"


def _may_be_empty(context: Context, plan: Unfinished) -> bool:
    """Whether the picked commit changed nothing itself, and was asked for all the same."""
    commit = context.git.commit(plan.theirs)
    own = dict(log.parent_snapshot(context, commit)) == dict(log.snapshot(context, commit.id))
    return plan.manner.allow_empty and own


@writes_objects
def resolve(
    context: Context, paths: Sequence[str], strategy: str, *, who: Signature | None
) -> list[str]:
    """Settle the conflicts of ``paths`` by ``strategy``, in the stage and the work tree.

    Raises:
        UsageError: no conflict lies there, or the strategy can't settle one.
    """
    stage = read_stage(context)
    waiting = read_unfinished(context)
    conflicted = [p for p in conflicted_paths(context) if log.matches(p, paths)]
    if waiting is None or not conflicted:
        raise UsageError(f"no conflict in {', '.join(paths)}", hint="mvc status lists conflicts")
    objects = context.writer()
    tensors = waiting_tensors(context, stage, waiting)
    names = {path: [one.name for one in conflicts] for path, conflicts in tensors.items()}
    changes, step = resolved(
        context, objects, stage, waiting.conflicts, conflicted, Recipe(strategy), names=names
    )
    objects.flush()
    target = stage.with_files(changes)
    with (
        prepared(context, stage, target, force=True, paths=sorted(changes)) as files,
        transaction(context, "checkout", who) as current,
    ):
        if dict(current.stage) != dict(stage):
            raise _forestalled("something was staged", "command")
        current.put_stage(target)
        settle(current, conflicted, step)
        current.worktree = True
        current.message = f"checkout --{strategy}: {named(paths)}"
        files.put_in_place()
    index.refresh(context)
    return conflicted


def refuse_unfinished(context: Context) -> None:
    """Let a verb that commits go on only when no merge or revert waits for the user.

    Raises:
        UsageError: one does.
    """
    waiting = read_unfinished(context)
    if waiting is not None and waiting.kind == "stash":
        raise UsageError(
            "a stash was applied with conflicts that are not settled",
            hint="mvc status lists them; mvc reset --hard gives it up, the stash is kept",
        )
    if waiting is not None:
        raise UsageError(
            f"you have not concluded your {waiting.kind}",
            hint=f"mvc {waiting.kind} --continue, or mvc {waiting.kind} --abort",
        )


def require_clean_stage(context: Context, kind: str = "merge") -> None:
    """Let a merge go on only when the stage is HEAD's: it would mix with the result.

    Raises:
        UsageError: something is staged.
    """
    head, stage = head_snapshot(context), read_stage(context)
    staged = [path for path in {*head, *stage} if head.get(path) != stage.get(path)]
    if staged:
        raise UsageError(
            f"your staged changes would be overwritten by {kind}: {', '.join(sorted(staged))}",
            hint="mvc commit them first",
        )


def _require_unmoved(current: Transaction, onto: CommitId | None) -> None:
    """Nothing may have been committed or staged while the tensors were merged: it would be lost.

    Raises:
        RefConflict: something was; no ref has moved.
    """
    moved = None
    if current.head != onto:
        moved = "HEAD moved"
    elif dict(current.stage) != dict(head_snapshot(current.context)):
        moved = "something was staged"
    if moved:
        raise _forestalled(moved, current.verb)


def _forestalled(what: str, verb: str) -> RefConflict:
    return RefConflict(
        f"{what} while the {verb} ran; nothing has changed", hint="run the same command again"
    )


def _fast_forward(
    context: Context,
    ours: CommitId | None,
    theirs: CommitId,
    other: str,
    who: Signature,
    progress: Progress | None,
) -> Outcome:
    new, before = log.snapshot(context, theirs), read_stage(context)
    after = carried(head_snapshot(context), before, new)
    with (
        prepared(context, before, after, progress=progress) as files,
        transaction(context, "merge", who) as current,
    ):
        if current.head != ours:
            raise _forestalled("HEAD moved", current.verb)
        current.move(current.head_ref, theirs)
        # The files took their time: what others staged meanwhile comes along too.
        current.put_stage(carried(head_snapshot(context), current.stage, new))
        current.worktree = True
        current.message = f"merge {other}: Fast-forward"
        files.put_in_place()
    index.refresh(context)
    return Outcome("fast-forward", theirs, ours)


def _bases(
    context: Context, ours: CommitId, theirs: CommitId
) -> tuple[Snapshot | None, Snapshot, Snapshot]:
    base = merge_base(context, context.writer(), ours, theirs)
    if base is None:
        raise UsageError("refusing to merge unrelated histories")
    return base, log.snapshot(context, ours), log.snapshot(context, theirs)
