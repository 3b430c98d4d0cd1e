"""``undo`` and ``op restore``: refs, stage and work tree as they were after an earlier operation.

Both are operations themselves, so that each can be taken back. As in a switch, files are prepared before the
lock is taken and put into place under it, where they hold nothing unsaved.
"""

from __future__ import annotations

from mvc.errors import RefConflict, UsageError
from mvc.history.branches import keep_tag
from mvc.history.context import Context, writes_objects
from mvc.history.operation import Operation
from mvc.history.past import files_moved, find, moment, reversed_changes, undo_target
from mvc.history.refs import KEPT, OPERATIONS, TAGS
from mvc.history.revisions import shorten
from mvc.history.signature import Signature
from mvc.history.snapshot import Snapshot
from mvc.history.transaction import Transaction, read_stage, transaction
from mvc.worktree import index
from mvc.worktree.checkout import prepared


@writes_objects
def undo(context: Context, who: Signature | None) -> Operation:
    """Take back the newest operation that no undo has taken back yet.

    Raises:
        UsageError: there is none.
        DirtyWorktree: the files it moved hold unsaved work.
        RefConflict: another command ran meanwhile; nothing has changed.
    """
    operation = undo_target(context.operations)
    if operation is None:
        raise UsageError("nothing to undo", hint="mvc reflog shows where HEAD has been")
    moved = files_moved(context, operation)
    after, before = (Snapshot(context.git, {}),) * 2 if moved is None else moved[::-1]
    with (
        prepared(context, after, before) as files,
        transaction(context, "undo", who) as current,
    ):
        latest = undo_target(context.operations)
        if latest is None or latest.id != operation.id:
            raise _forestalled(operation)
        for change in reversed_changes(operation):
            _move(current, change.ref, change.new)
        if operation.files is not None:
            current.move_files(files.found(), before)
        current.worktree = operation.worktree
        current.undoes = operation.id
        current.message = f"undo: {operation.message}"
        files.put_in_place()
    index.refresh(context)
    return operation


@writes_objects
def restore_operation(context: Context, id_: str, who: Signature | None) -> Operation:
    """Bring refs, stage and work tree to what they were right after the operation ``id_``.

    Raises:
        UsageError: ``id_`` names no operation, or several.
        DirtyWorktree: unsaved work is in the way; nothing has changed.
        RefConflict: another command ran meanwhile; nothing has changed.
    """
    latest = context.operations.latest()
    operation = find(context.operations.walk(), id_)
    assert latest is not None
    if latest.id == operation.id:
        return operation
    then = moment(context, operation)
    moved = files_moved(context, latest) if latest.files else None
    now = moved[1] if moved else read_stage(context)
    with (
        prepared(context, now, then.files) as files,
        transaction(context, "op restore", who) as current,
    ):
        if context.refs.raw(OPERATIONS) != latest.id:
            raise _forestalled(latest)
        # A branch may have become a folder of branches; HEAD's reflog looks at where its branch is.
        for ref in sorted(then.refs, key=lambda ref: (then.refs[ref] is not None, ref == "HEAD")):
            _move(current, ref, then.refs[ref])
        current.move_files(files.found(), then.files)
        current.message = f"op restore: {shorten(operation.id or '')} {operation.message}"
        files.put_in_place()
    index.refresh(context)
    return operation


def _move(current: Transaction, ref: str, value: str | None) -> None:
    if ref.startswith(TAGS):
        keep_tag(current, current.context.refs.raw(ref))
    if not ref.startswith(KEPT) or value is not None:
        current.move(ref, value)


def _forestalled(operation: Operation) -> RefConflict:
    return RefConflict(
        f"another command ran meanwhile; '{operation.message}' is not the last any more",
        hint="run the same command again",
    )
