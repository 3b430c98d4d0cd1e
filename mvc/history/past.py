"""The past as the operation log tells it: which operation is meant, and what the refs and files were after it.

It reads the log and changes nothing; going back there is ``worktree/returning.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from mvc.errors import UsageError
from mvc.history.context import Context
from mvc.history.operation import Change, Operation
from mvc.history.operations import OperationLog
from mvc.history.refs import KEPT, STAGE
from mvc.history.snapshot import Snapshot
from mvc.values import dataclass

#: The verb of the operation that a repair records.
REPAIR = "repair"
_BACK = re.compile(r"@\{(\d+)\}")
_SHORT = re.compile(r"[0-9a-f]{4,40}")


@dataclass(frozen=True, slots=True)
class Moment:
    """``refs``: those that have moved since, as they were; ``files``: the work tree, as far as it was told."""

    operation: Operation
    refs: dict[str, str | None]
    files: Snapshot


def find(operations: Iterable[Operation], text: str) -> Operation:
    """The one of ``operations``, newest first, that ``text`` names.

    ``@{n}`` is the n-th before the newest; else the first letters of an id, four at least.

    Raises:
        UsageError: none is meant, or several.
    """
    back = _BACK.fullmatch(text)
    if back:
        for number, operation in enumerate(operations):
            if number == int(back[1]):
                return operation
        raise UsageError(f"the operation log does not go back to {text}", hint="mvc op log")
    short = text.lower() if _SHORT.fullmatch(text.lower()) else None
    found = [one for one in operations if short and one.id and one.id.startswith(short)]
    if len(found) > 1:
        raise UsageError(f"the short id {text} is ambiguous", hint="give more of its digits")
    if not found:
        raise UsageError(f"no operation '{text}'", hint="mvc op log lists them")
    return found[0]


def moment(context: Context, operation: Operation) -> Moment:
    """How everything was right after ``operation``."""
    refs: dict[str, str | None] = {}
    files: Snapshot | None = None
    for later in context.operations.walk():
        if later.id == operation.id:
            break
        refs |= {change.ref: change.old for change in later.changes}
        # An `add` tells of an edit before it: from there on back nothing is known but the stage.
        if later.worktree or any(change.ref == STAGE for change in later.changes):
            files = _recorded(context, later, 0)
    stage = refs.get(STAGE, context.refs.raw(STAGE))
    files = files or _recorded(context, operation, 1) or Snapshot.of_tree(context.git, stage)
    # What is kept for the sake of going back is never let go.
    kept = {ref for ref, old in refs.items() if ref.startswith(KEPT) and old is None}
    return Moment(operation, {ref: old for ref, old in refs.items() if ref not in kept}, files)


def files_moved(context: Context, operation: Operation) -> tuple[Snapshot, Snapshot] | None:
    """The work tree before and after ``operation``; None when it moved no file."""
    if not operation.worktree:
        return None
    before, after = _recorded(context, operation, 0), _recorded(context, operation, 1)
    if before is not None and after is not None:
        return before, after
    stage = next((change for change in operation.changes if change.ref == STAGE), None)
    if stage is None:
        return None
    old, new = (Snapshot.of_tree(context.git, tree) for tree in (stage.old, stage.new))
    return old, new


def undo_target(log: OperationLog) -> Operation | None:
    """The operation that ``undo`` takes back next: the newest that no undo has taken back yet.

    A repair moved nothing: it put refs back where they had been.
    """
    undone: str | None = None
    for operation in log.walk():
        if operation.verb == REPAIR:
            continue
        if undone is not None:
            undone = None if operation.id == undone else undone
        elif operation.undoes is None:
            return operation
        else:
            undone = operation.undoes
    return None


def reversed_changes(operation: Operation) -> tuple[Change, ...]:
    """The changes that take ``operation`` back."""
    return tuple(Change(c.ref, c.new, c.old) for c in reversed(operation.changes))


def _recorded(context: Context, operation: Operation, which: int) -> Snapshot | None:
    """The files that ``operation`` found (0) or left (1), where it says so itself."""
    if operation.files is None:
        return None
    return Snapshot.of_tree(context.git, context.git.commit(operation.files[which]).tree)
