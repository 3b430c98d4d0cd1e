"""The verb ``commit``: an ordinary commit, or the end of a merge or revert that waits for one.

Apart from ``merging.py`` because an ordinary commit needs none of a merge's machinery, and starts sooner
without it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mvc.errors import MergeConflict, NothingToCommit, UsageError
from mvc.history.commits import Plan, commit_stage, first_line
from mvc.history.context import Context
from mvc.history.record import Json, without_trailer
from mvc.history.signature import Signature
from mvc.history.transaction import Transaction, transaction
from mvc.history.unfinished import Unfinished, follow, read_unfinished, waiting_tensors
from mvc.ids import CommitId
from mvc.worktree import index

if TYPE_CHECKING:
    from mvc.merge.accounting import Taken

#: What brings a commit over keeps its author.
KEPT_AUTHOR = ("cherry-pick", "rebase")


def conclude(
    context: Context,
    message: str | None,
    *,
    author: Signature | None,
    who: Signature,
    amend: bool,
    allow_empty: bool,
    going_on: bool = False,
    keep_conflicts: bool = False,
) -> CommitId:
    """Commit the stage: the end of a merge or revert when one waits, an ordinary commit else.

    Of a revert of several commits the rest keeps waiting; ``going_on``: for the caller to go on with.
    ``keep_conflicts``: commit the tensors that a merge left undecided, as such.

    Raises:
        MergeConflict: conflicts are not settled.
        UsageError: nothing to commit, or no message.
    """
    with transaction(context, "commit", who) as current:
        waiting = read_unfinished(context)
        if waiting is not None and not waiting.between:
            if amend:
                raise UsageError("you are in the middle of a merge -- cannot amend")
            if waiting.kind in KEPT_AUTHOR:
                author = context.git.commit(waiting.theirs).author
            if keep_conflicts and waiting.kind == "merge":
                waiting = replace(waiting, keep=True)
            told = replace(waiting, message=message or waiting.message)
            plan = plan_of(told, author or who, who, _accounted(current, waiting))
            id_ = _conclude(current, waiting, plan, allow_empty=allow_empty)
            if waiting.kind in KEPT_AUTHOR:
                current.message = f"commit ({waiting.kind}): {first_line(plan.message)}"
            onto = id_ if going_on else waiting.onto
            follow(current, replace(waiting, onto=onto), waiting.sequel)
        else:
            previous = context.git.commit(current.head) if amend and current.head else None
            if message is None and previous is not None:
                message = without_trailer(previous.message)
            kept = author or (previous.author if previous else who)
            plan = Plan(message or "", kept, who)
            id_ = commit_stage(current, plan, amend=amend, allow_empty=allow_empty)
    index.refresh(context)
    return id_


def _conclude(
    current: Transaction,
    waiting: Unfinished,
    plan: Plan,
    *,
    allow_empty: bool,
) -> CommitId:
    files = dict.fromkeys(waiting.conflicts)
    files |= dict.fromkeys(waiting_tensors(current.context, current.stage, waiting))
    if files:
        raise MergeConflict(
            f"committing is not possible because you have unmerged files: {', '.join(sorted(files))}",
            hint="mvc checkout --ours|--theirs PATH, mvc resolve --strategy NAME, or mvc add PATH once "
            "it is as you want it",
        )
    parents = (waiting.theirs,) if waiting.kind == "merge" else ()
    try:
        id_ = commit_stage(current, plan, extra_parents=parents, allow_empty=allow_empty)
    except NothingToCommit as error:
        out = "abort gives it up" if waiting.kind == "merge" else "skip leaves it out"
        raise NothingToCommit(
            f"nothing to commit: settled like this, the {waiting.kind} changes nothing",
            hint=f"mvc {waiting.kind} --{out}; mvc commit --allow-empty records it",
        ) from error
    return id_


def _accounted(current: Transaction, waiting: Unfinished) -> Taken | None:
    """What became of the tensors of a commit that takes a change back, or over."""
    if waiting.kind == "merge":
        return None
    from mvc.history import log
    from mvc.merge.accounting import accounted
    from mvc.merge.bringing import parent_snapshot

    context = current.context
    theirs = log.snapshot(context, waiting.theirs)
    if waiting.kind == "revert":
        theirs = parent_snapshot(context, waiting.theirs, waiting.manner.mainline)
    return accounted(log.snapshot(context, waiting.onto), current.stage, theirs)


def plan_of(
    plan: Unfinished, author: Signature, who: Signature, taken: Taken | None = None
) -> Plan:
    """The commit that concludes what ``plan`` began; ``taken``: what became of its tensors."""
    if plan.recipe is not None:
        made = dict(plan.recipe)
        seed, versions = made.pop("seed"), made.pop("versions")
        made |= {"settled": [dict(one) for one in plan.settled]} if plan.settled else {}
        return Plan(plan.message, author, who, plan.operation, made, seed, versions)
    parameters: dict[str, Json] = {"strategy": plan.strategy, "theirs": plan.theirs}
    if plan.manner.tensors:
        parameters["tensors"] = [*plan.manner.tensors]
    if taken is not None:
        parameters |= taken.parameters(plan.strategy)
    if plan.settled:
        parameters["settled"] = [dict(one) for one in plan.settled]
    versions = plan.settled[-1]["versions"] if plan.settled else {}
    return Plan(plan.message, author, who, plan.operation, parameters, versions=versions)
