"""Files of a commit in a folder that is not the work tree: ``mvc export``.

Owns the order of an export. Everything is judged first, then all files are written, verified and synced in a
folder beside their places, so that a refusal or a damaged object leaves the target as it was; at the end
renames put them there. What an export that was killed has left beside is removed by the next. The work tree is
never written to.
"""

from __future__ import annotations

import os
import re
import secrets
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from mvc.errors import DirtyWorktree, Locked, UsageError
from mvc.history.context import Context
from mvc.history.snapshot import Snapshot
from mvc.paths import check
from mvc.store.fs import Disk
from mvc.worktree.place import check_way, folders_above, locate
from mvc.worktree.rebuild import Rebuilt, rebuild, size

#: Called with (what, bytes done, bytes in all).
Progress = Callable[[str, int, int], None]

#: Where files lie until all are whole; whoever writes there holds the lock in it.
_BESIDE, _LOCK = ".mvc-export-", "lock"
_LEFT, _FILE = re.compile(r"\.mvc-export-[0-9a-f]{8}"), re.compile(r"[0-9a-f]{16}")
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
        IntegrityError: a stored file is damaged or missing; nothing was put in place.
        StorageError: the disk refused.
    """
    _judge(context.root, paths, target, force=force)
    advance = _counter(files, paths, progress)
    disk = context.disk
    disk.make_folder(target)
    _clear_left(disk, target)
    folder = os.path.join(target, f"{_BESIDE}{secrets.token_hex(4)}")
    disk.make_folder(folder)
    ready: list[Rebuilt] = []
    touched = {target}
    with disk.lock(os.path.join(folder, _LOCK)):
        try:
            for path in paths:
                ready.append(rebuild(context, files, path, advance, folder=folder))
            for one in ready:
                place = locate(target, one.path)
                disk.make_folder(os.path.dirname(place))
                disk.replace(one.temporary, place)
                touched.add(os.path.dirname(place))
        finally:
            for one in ready:
                disk.remove(one.temporary)
            disk.remove(os.path.join(folder, _LOCK))
            disk.remove_folder(folder)
    for parent in sorted(touched):
        disk.sync_folder(parent)


def _clear_left(disk: Disk, target: str) -> None:
    """Remove what killed exports have left in ``target``: their folders, which nobody holds any more."""
    for name in os.listdir(target):
        folder = os.path.join(target, name)
        if not _LEFT.fullmatch(name) or os.path.islink(folder) or not os.path.isdir(folder):
            continue
        with suppress(Locked), disk.lock(os.path.join(folder, _LOCK), patience=0):
            for file in os.listdir(folder):
                if _FILE.fullmatch(file):
                    disk.remove(os.path.join(folder, file))
            disk.remove(os.path.join(folder, _LOCK))
            disk.remove_folder(folder)


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
