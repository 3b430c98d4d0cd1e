"""From a snapshot to files: the way that the user's folder changes.

Owns the order of a checkout. First everything is judged (``plan.py``), then every new file is written, verified
and synced under a temporary name; only then, and only if nothing changed meanwhile, do renames put them into
place. So a crash leaves each file either as it was or as it shall be, and an error before the first rename
leaves all as they were. It moves no ref; who does calls the last step under the lock of the refs, so that one
that another command has moved stops both.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence

from mvc.errors import DirtyWorktree, Locked, StorageError
from mvc.history.context import Context
from mvc.history.gitobjects import EXECUTABLE_MODE
from mvc.history.snapshot import Snapshot
from mvc.worktree import index
from mvc.worktree.ahead import Ahead
from mvc.worktree.index import Known
from mvc.worktree.index_text import fingerprint
from mvc.worktree.ingest import Progress
from mvc.worktree.place import check_way, folder_above, folders_above, locate, look
from mvc.worktree.plan import Plan, met, plan
from mvc.worktree.rebuild import LOCK, TEMPORARY, Rebuilt, rebuild, size

_UNDER_WAY = "the files were put in place; some are already the new ones"


def switch_files(
    context: Context,
    old: Snapshot,
    new: Snapshot,
    *,
    force: bool | Collection[str] = False,
    paths: Collection[str] | None = None,
    progress: Progress | None = None,
) -> None:
    """Bring the work tree from ``old``, which it follows, to ``new``: ``prepared`` and put in place.

    Doing it again after a crash is fine: what is already done is left alone.

    Raises:
        As ``prepared`` and ``Prepared.put_in_place``.
    """
    with prepared(context, old, new, force=force, paths=paths, progress=progress) as ready:
        ready.put_in_place()


@contextlib.contextmanager
def prepared(
    context: Context,
    old: Snapshot,
    new: Snapshot,
    *,
    force: bool | Collection[str] = False,
    paths: Collection[str] | None = None,
    progress: Progress | None = None,
    ahead: Ahead | None = None,
) -> Iterator[Prepared]:
    """All that takes long of the way from ``old``, which the work tree follows, to ``new``.

    Nothing that the user sees has changed until ``put_in_place`` is called in the block, which is quick
    enough to be called under a lock. Only ``paths`` are touched where given. Files that are equal in both
    keep their local changes; with ``force`` changes of tracked files are given up (see ``plan``), or of those
    that it names. What ``ahead`` has is not built again.

    Raises:
        DirtyWorktree: unsaved work is in the way; nothing has changed.
        UsageError: a folder on the way is a symbolic link; nothing has changed.
        IntegrityError: a stored file is damaged; nothing has changed.
        StorageError: no room for the new files; nothing has changed.
    """
    todo = plan(context, old, new, paths, force=force)
    if todo.write and ahead is None:
        _clear_left_over(context)
    ready: list[Rebuilt] = []
    # Whoever is writing holds the lock shared, so nobody takes these files for left-overs.
    with contextlib.nullcontext() if ahead else context.disk.lock(_lock(context), shared=True):
        try:
            if ahead is not None:
                ready += ahead.take(new, todo.write)
            there = {one.path for one in ready}
            missing = [path for path in todo.write if path not in there]
            advance = _counter(new, missing, progress)
            for path in missing:
                ready.append(rebuild(context, new, path, advance, here=old))
            yield Prepared(context, todo, old, new, ready)
        finally:
            for one in ready:
                if os.path.lexists(one.temporary):  # it was not put in place
                    with contextlib.suppress(StorageError):
                        context.disk.remove(one.temporary)


class Prepared:
    """New files, complete and durable, that only have to be renamed."""

    def __init__(
        self,
        context: Context,
        todo: Plan,
        old: Snapshot,
        new: Snapshot,
        ready: Sequence[Rebuilt],
    ) -> None:
        self._context = context
        self._todo = todo
        self._old = old
        self._new = new
        self._ready = ready

    def found(self) -> Snapshot:
        """``old`` as the files really are: some may be gone, some already as ``new`` has them.

        Going back there then removes no file that was there before.
        """
        moving = {*self._todo.write, *self._todo.remove}
        there = {
            path: None if mark is None else self._new.get(path)
            for path, mark in self._todo.met.items()
            if mark is None or path not in moving
        }
        return self._old.with_files(there)

    def check(self) -> None:
        """Let it go on only while what was judged is still there: preparing took its time.

        Raises:
            DirtyWorktree: the user saved something meanwhile.
        """
        for path in (*self._todo.write, *self._todo.chmod, *self._todo.remove):
            _check_unmoved(
                self._context, self._todo, path, "the command prepared its files; none was written"
            )

    def put_in_place(self) -> None:
        """Rename, remove and change modes, durably.

        Raises:
            DirtyWorktree: something was saved meanwhile; it is kept, and nearly always nothing has changed.
            StorageError: the disk refused; each file is as it was or as it shall be.
        """
        context, todo = self._context, self._todo
        self.check()
        touched = _put_in_place(context, todo, self._new, self._ready)
        # Paths that needed nothing too: a killed checkout may have renamed them and got no further.
        touched |= {folder_above(context.root, path) for path in todo.met}
        for folder in sorted(touched):
            if os.path.isdir(folder):
                context.disk.sync_folder(folder)
        index.learn(context, _facts(context, self._new, self._ready))


def _check_unmoved(context: Context, todo: Plan, path: str, what: str) -> None:
    if met(context, path) != todo.met[path]:
        raise DirtyWorktree(
            f"{path} changed while {what}", hint="mvc status, then run the same command again"
        )


def _lock(context: Context) -> str:
    return os.path.join(context.folder, *LOCK)


def _clear_left_over(context: Context) -> None:
    """Remove what a killed checkout left; not while another one may be writing."""
    folder = os.path.join(context.folder, TEMPORARY)
    with contextlib.suppress(Locked), context.disk.lock(_lock(context), patience=0):
        for name in os.listdir(folder) if os.path.isdir(folder) else []:
            context.disk.remove(os.path.join(folder, name))


def _put_in_place(
    context: Context, todo: Plan, new: Snapshot, ready: Sequence[Rebuilt]
) -> set[str]:
    """Remove, rename and change modes; the folders whose entries changed.

    Making a folder durable takes its time, so that each file is looked at once more just before its turn.
    """
    touched: set[str] = set()

    def remove(path: str) -> None:
        _check_unmoved(context, todo, path, _UNDER_WAY)
        _remove(context, path, touched)

    # What stands where a folder must be goes first, everything else after the new files are there.
    needed = {parent for path in todo.write for parent in folders_above(path)}
    wanted = set(todo.write)
    early = [p for p in todo.remove if p in needed or not wanted.isdisjoint(folders_above(p))]
    for path in early:
        remove(path)
    for one in ready:
        target = locate(context.root, one.path)
        _clear_folder(context, target)
        check_way(context.root, one.path)
        context.disk.make_folder(os.path.dirname(target))
        if os.path.lexists(target):
            _check_unmoved(context, todo, one.path, _UNDER_WAY)
        context.disk.replace(one.temporary, target)
        touched.add(os.path.dirname(target))
    for path in todo.chmod:
        executable = new[path][0] == EXECUTABLE_MODE
        bits = look(context.root, path)
        if bits is not None:
            context.disk.set_mode(locate(context.root, path), _mode(bits.st_mode, executable))
    for path in todo.remove:
        if path not in early:
            remove(path)
    return touched


def _remove(context: Context, path: str, touched: set[str]) -> None:
    context.disk.remove(locate(context.root, path))
    touched.add(os.path.dirname(locate(context.root, path)))
    for parent in reversed(folders_above(path)):
        folder = locate(context.root, parent)
        context.disk.remove_folder(folder)
        touched.add(os.path.dirname(folder))


def _clear_folder(context: Context, target: str) -> None:
    """Remove empty folders that stand where a file must be; ``plan`` saw to it that they are empty."""
    if os.path.isdir(target) and not os.path.islink(target):
        for folder, _, _ in os.walk(target, topdown=False):
            context.disk.remove_folder(folder)


def _mode(bits: int, executable: bool) -> int:
    """Execute for whoever may read, or for nobody, as Git does."""
    bits &= 0o777
    return bits | (bits & 0o444) >> 2 if executable else bits & ~0o111


def _facts(context: Context, new: Snapshot, ready: Sequence[Rebuilt]) -> dict[str, Known]:
    """What the stat cache may know of the new files: those that nobody has touched since."""
    seen = time.time_ns()
    found: dict[str, Known] = {}
    for one in ready:
        status, before = look(context.root, one.path), one.status
        if status is not None and (status.st_size, status.st_mtime_ns, status.st_ino) == (
            before.st_size,
            before.st_mtime_ns,
            before.st_ino,
        ):
            mode, blob = new[one.path]
            found[one.path] = Known(mode, blob, seen, fingerprint(status))
    return found


def _counter(
    new: Snapshot, paths: Sequence[str], progress: Progress | None
) -> Callable[[int], None]:
    """Counts bytes from several threads; ``progress`` is called by one at a time."""
    if progress is None:
        return lambda more: None
    total = sum(size(new, path) for path in paths)
    lock = threading.Lock()
    done = 0

    def advance(more: int) -> None:
        nonlocal done
        with lock:
            done += more
            progress("checkout", done, total)

    return advance
