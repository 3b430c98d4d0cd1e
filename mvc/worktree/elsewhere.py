"""Files of a commit in a folder that is not the work tree: ``mvc export``.

Owns the order of an export. Everything is judged first, so that a refusal leaves the folder as it was; then
each file is written, verified and synced beside its place, and a rename puts it there. The work tree is never
written to.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Sequence

from mvc.errors import DirtyWorktree, UsageError
from mvc.history.context import Context
from mvc.history.snapshot import Snapshot
from mvc.paths import check
from mvc.worktree.place import check_way, folders_above, locate
from mvc.worktree.rebuild import rebuild, size

#: Called with (what, bytes done, bytes in all).
Progress = Callable[[str, int, int], None]

#: How many files in the way are named.
_NAMED = 5


def export(
    context: Context,
    files: Snapshot,
    paths: Sequence[str],
    target: str,
    *,
    force: bool = False,
    progress: Progress | None = None,
) -> None:
    """Write ``paths`` of ``files`` below the folder ``target``; with ``force`` over what is there.

    Raises:
        UsageError: ``target`` lies in the work tree, or a folder or a symbolic link is in the way of a file.
        DirtyWorktree: files are there already; nothing was written.
        IntegrityError: a stored file is damaged or missing; files before it may have been written.
        StorageError: the disk refused.
    """
    _judge(context.root, paths, target, force=force)
    advance = _counter(files, paths, progress)
    disk = context.disk
    disk.make_folder(target)
    folder = os.path.join(target, f".mvc-export-{secrets.token_hex(4)}")
    touched = {target}
    try:
        for path in paths:
            ready = rebuild(context, files, path, advance, folder=folder)
            place = locate(target, path)
            disk.make_folder(os.path.dirname(place))
            disk.replace(ready.temporary, place)
            touched.add(os.path.dirname(place))
    finally:
        disk.remove_folder(folder)
    for one in sorted(touched):
        disk.sync_folder(one)


def _counter(
    files: Snapshot, paths: Sequence[str], progress: Progress | None
) -> Callable[[int], None]:
    """Counts bytes from several threads; ``progress`` is called by one at a time."""
    if progress is None:
        return lambda more: None
    total, lock, done = sum(size(files, path) for path in paths), threading.Lock(), 0

    def advance(more: int) -> None:
        nonlocal done
        with lock:
            done += more
            progress("export", done, total)

    return advance


def _judge(root: str, paths: Sequence[str], target: str, *, force: bool) -> None:
    real, home = os.path.realpath(target), os.path.realpath(root)
    if real == home or real.startswith(home + os.sep):
        raise UsageError(
            f"{target} is in the work tree",
            hint="export to a folder elsewhere, or mvc restore --source REVISION PATH",
        )
    if os.path.lexists(target) and not os.path.isdir(target):
        raise UsageError(f"{target} is not a folder")
    there = []
    for path in paths:
        place = os.path.join(real, *check(path).split("/"))
        if place.startswith(home + os.sep):
            raise UsageError(f"{place} would be in the work tree", hint="export elsewhere")
        check_way(target, path)
        for parent in folders_above(path):
            above = locate(target, parent)
            if os.path.lexists(above) and not os.path.isdir(above):
                raise UsageError(f"the file {above} is in the way of a folder")
        if os.path.isdir(place):
            raise UsageError(f"the folder {place} is in the way of a file")
        if os.path.lexists(place):
            there.append(path)
    if there and not force:
        more = f" and {len(there) - _NAMED} more" if len(there) > _NAMED else ""
        raise DirtyWorktree(
            f"{', '.join(there[:_NAMED])}{more}: already in {target}; nothing was written",
            hint="--force writes over what is there",
        )
