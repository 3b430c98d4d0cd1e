"""``restore``: files, or only some tensors of them, as the stage or a commit has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mvc.errors import RefConflict, UsageError
from mvc.history import log, revisions
from mvc.history.context import Context, writes_objects
from mvc.history.gitobjects import ObjectWriter
from mvc.history.log import matches
from mvc.history.signature import Signature
from mvc.history.snapshot import Snapshot
from mvc.history.transaction import head_snapshot, read_stage, transaction
from mvc.history.unfinished import settle
from mvc.ids import BlobId
from mvc.paths import named
from mvc.worktree import index
from mvc.worktree.checkout import prepared
from mvc.worktree.ingest import Progress

#: ``(context, objects, origin, paths)`` to the entries of files that are made from two.
Pick = Callable[[Context, ObjectWriter, Snapshot, Sequence[str]], dict[str, tuple[int, BlobId]]]


@writes_objects
def restore(
    context: Context,
    paths: Sequence[str],
    *,
    source: str | None,
    staged: bool,
    worktree: bool,
    pick: Pick | None,
    who: Signature | None,
    progress: Progress | None,
    strict: bool = True,
) -> list[str]:
    """Put ``paths`` back; gives the paths that were written or staged.

    Without ``source`` the work tree is restored from the stage, and the stage from HEAD. ``pick`` makes
    files that take only some of their tensors from the source. Nothing has changed after an error, but for
    one of the disk while files were put in place.

    Raises:
        UsageError: a path is in neither place, and ``strict`` is on, or no tensor matches.
        RefConflict: something was staged meanwhile.
    """
    if source is not None:
        origin = log.snapshot(context, revisions.resolve(context, source))
    else:
        origin = head_snapshot(context) if staged else read_stage(context)
    stage = read_stage(context)
    found = sorted({path for path in {*origin, *stage} if matches(path, paths)})
    for pattern in paths if strict else ():
        if not any(matches(path, [pattern]) for path in found):
            raise UsageError(f"pathspec '{pattern}' did not match any file(s) known to mvc")
    if pick is not None:
        objects = context.writer()
        changed = pick(context, objects, origin, found)
        objects.flush()
        target = stage.with_files(changed)
        found = sorted(changed)
    else:
        target = stage.with_files({path: origin.get(path) for path in found})
    touched = found if worktree else ()
    with (
        prepared(context, stage, target, force=True, paths=touched, progress=progress) as files,
        transaction(context, "restore", who) as current,
    ):
        if any(current.stage.get(path) != stage.get(path) for path in found):
            raise RefConflict(
                "something was staged while the command ran; nothing has changed",
                hint="run the same command again",
            )
        if staged:
            changes: dict[str, tuple[int, BlobId] | None] = {p: target.get(p) for p in found}
            current.put_stage(current.stage.with_files(changes))
            settle(current, found)
            current.worktree = worktree
            current.message = f"restore: {named(paths)}"
        files.put_in_place()
    index.refresh(context)
    return found
