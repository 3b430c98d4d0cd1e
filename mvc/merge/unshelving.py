"""``stash apply``, ``pop`` and ``branch``: bringing back what was put aside, by a three-way merge.

The base is HEAD as it was when the work was put aside, ours is the stage, theirs is the work; so a change of a
tensor meets only changes of the same tensor. Files of the user's that the merge would have to change and that
hold changes of their own stop it. A conflict waits as one of ``merge`` does, and the stash is kept.
"""

from __future__ import annotations

from mvc.errors import DirtyWorktree, MergeConflict, RefConflict, UsageError
from mvc.history.context import Context, writes_objects
from mvc.history.gitobjects import ObjectWriter
from mvc.history.refs import STAGE, UNFINISHED
from mvc.history.signature import Signature
from mvc.history.snapshot import Snapshot
from mvc.history.transaction import Transaction, read_stage, transaction
from mvc.history.unfinished import Unfinished, write_unfinished
from mvc.ids import CommitId
from mvc.merge.conflicts import announce
from mvc.merge.merging import refuse_unfinished
from mvc.merge.three_way import Merged, merge_commits
from mvc.worktree import index, switching
from mvc.worktree.checkout import prepared
from mvc.worktree.ingest import Progress
from mvc.worktree.place import folders_above
from mvc.worktree.stash import Named, Shelf, find, read, take_off

#: What Git calls the two sides.
LABELS = ("Updated upstream", "Stashed changes")
_KEPT = "The stash entry is kept in case you need it again."


@writes_objects
def unshelve(
    context: Context,
    text: str | None,
    *,
    index_too: bool,
    drop: bool,
    who: Signature | None,
    progress: Progress | None,
) -> Named:
    """Bring back the stash that ``text`` names; ``index_too`` also what was on the stage, onto the stage.

    Without it only files that the stash adds go on the stage. ``drop`` takes the stash off the list, unless
    there is a conflict.

    Raises:
        UsageError: there is no such stash, or a merge is unfinished.
        DirtyWorktree: unsaved work, or a file that nobody tracks, is in the way; nothing has changed.
        MergeConflict: the stash and the stage changed the same; the stash is kept.
        RefConflict: another command ran meanwhile; nothing has changed.
    """
    refuse_unfinished(context)
    start = _state(context)
    named = find(context, text)
    if drop and named.number is None:
        raise UsageError(
            f"'{named.text}' is not a stash reference", hint="mvc stash apply, or list"
        )
    shelf, stage = read(context, named.commit), read_stage(context)
    objects = context.writer()
    restored = _stage(context, objects, shelf, stage) if index_too else None
    theirs = shelf.files if index_too else _all_files(context, shelf)
    merged = merge_commits(
        context, objects, shelf.before, stage, theirs, labels=LABELS, progress=progress
    )
    objects.flush()
    result = Snapshot(context.git, merged.files)
    after = _with_untracked(context, result, shelf)
    with (
        prepared(context, stage, after, progress=progress) as files,
        transaction(context, "stash", who) as current,
    ):
        if _state(context) != start:
            raise RefConflict(
                "HEAD or the stage moved meanwhile; nothing has changed",
                hint="run the same command again",
            )
        if merged.conflicted:
            _leave(current, merged, named)
            current.put_stage(result)
        else:
            new = {path: entry for path, entry in result.items() if path not in stage}
            current.put_stage(restored or stage.with_files(new))
            if drop:
                take_off(current, named)
        current.move_files(files.found(), after)
        current.message = f"stash: {'popped' if drop else 'applied'} {named.text}"
        files.put_in_place()
    index.refresh(context)
    if merged.conflicted:
        also = ["Index was not unstashed."] if index_too else []
        raise MergeConflict(
            "\n".join([*announce(merged, LABELS), *also, _KEPT]),
            hint="mvc status lists them; mvc checkout --ours|--theirs PATH or mvc add PATH settles "
            "each; mvc undo takes it back",
        )
    return named


def branch(
    context: Context,
    name: str,
    text: str | None,
    *,
    who: Signature | None,
    progress: Progress | None,
) -> Named:
    """A new branch where the stash was made, with all that it holds; it leaves the list.

    Raises:
        As ``switch`` and ``unshelve``.
    """
    named = find(context, text)
    base = context.git.commit(named.commit).parents[0]
    switching.switch(
        context,
        name,
        create="new",
        detach=False,
        discard=False,
        start=base,
        who=who,
        progress=progress,
    )
    drop = named.number is not None
    return unshelve(context, text, index_too=True, drop=drop, who=who, progress=progress)


def _state(context: Context) -> list[str | None]:
    refs = ("HEAD", STAGE, UNFINISHED)
    return [context.refs.head(), *(context.refs.raw(ref) for ref in refs)]


def _all_files(context: Context, shelf: Shelf) -> Snapshot:
    """The work tree, and as in Git what was only on the stage any more: else it would be lost."""
    gone = {path: e for path, e in shelf.stage.items() if path not in shelf.before}
    return Snapshot(context.git, gone).with_files(dict(shelf.files))


def _stage(
    context: Context, objects: ObjectWriter, shelf: Shelf, stage: Snapshot
) -> Snapshot | None:
    """The stage with what the stash had staged; None where that is nothing, or already there.

    Raises:
        MergeConflict: both changed the same; nothing has changed.
    """
    if dict(shelf.stage) in (dict(shelf.before), dict(stage)):
        return None
    merged = merge_commits(context, objects, shelf.before, stage, shelf.stage, labels=LABELS)
    if merged.conflicted:
        raise MergeConflict(
            "conflicts in index. Try without --index.\n" + _KEPT, hint="mvc stash pop"
        )
    return Snapshot(context.git, merged.files)


def _with_untracked(context: Context, result: Snapshot, shelf: Shelf) -> Snapshot:
    taken = {folder for path in result for folder in folders_above(path)}
    blocked = [
        path
        for path in shelf.untracked
        if path in result or path in taken or any(f in result for f in folders_above(path))
    ]
    if blocked:
        raise DirtyWorktree(
            "\n".join(f"{path} already exists, no checkout" for path in blocked)
            + f"\ncould not restore untracked files from stash\n{_KEPT}",
            hint="mvc mv the file, or mvc stash branch NAME brings the stash back where it was made",
        )
    return Snapshot(context.git, {**result, **shelf.untracked})


def _leave(current: Transaction, merged: Merged, named: Named) -> None:
    """Let the conflicts wait for the user."""
    refs = current.context.refs
    waiting = Unfinished(
        kind="stash",
        onto=CommitId(refs.head() or ""),
        theirs=named.commit,
        message="",
        operation="stash",
        conflicts=merged.conflicts,
        stage_before=refs.raw(STAGE),
    )
    write_unfinished(current, waiting)
