"""A disk that does what it is told and remembers each primitive step; and one that fails on demand.

``WatchedDisk`` overrides the primitives of ``mvc.store.fs.Disk`` and nothing else, so what the composed
methods (``write_whole``, ``append``) do inside is seen too: the protocol under test is the real one.
"""

from __future__ import annotations

import contextlib
import gc
import os
import threading
from collections.abc import Callable, Iterator

from faults.trace import (
    Acknowledge,
    Create,
    MakeFolder,
    Open,
    Remove,
    RemoveFolder,
    Replace,
    SetMode,
    Step,
    SyncFile,
    SyncFolder,
    Tree,
    Truncate,
    Write,
    read_tree,
)

from mvc.errors import DurabilityError, StorageError
from mvc.store.fs import LOCK_PATIENCE, Disk, File, storage_error


class WatchedDisk(Disk):
    """Calls ``before`` and ``after`` around each primitive that changes something below ``root``."""

    #: Whether files of it can share their blocks.
    shares = False

    def __init__(self, root: str) -> None:
        self.root = os.path.realpath(root)
        self._guard = threading.Lock()
        self._opened = 0
        self._by_path: dict[str, int] = {}

    def before(self, action: str, path: str) -> None:
        """About to do ``action``; may raise instead of letting it happen."""

    def after(self, step: Step) -> None:
        """``step`` has happened."""

    def relative(self, path: str) -> str:
        """``path`` below the root.

        Raises:
            AssertionError: mvc is about to change something outside of it.
        """
        folder, name = os.path.split(os.path.abspath(path))
        inner = os.path.relpath(os.path.join(os.path.realpath(folder), name), self.root)
        assert inner != ".." and not inner.startswith("../"), f"{path} lies outside {self.root}"
        return "" if inner == "." else inner

    def _open(self, action: str, path: str, how: int, mode: int) -> File:
        name = self.relative(path)
        self.before("open", path)
        existed = os.path.lexists(path)
        real = super()._open(action, path, how, mode)
        with self._guard:
            self._opened += 1
            handle = self._opened
        if existed:
            self.after(Open(name, handle))
        else:
            self.after(Create(name, os.stat(path).st_mode & 0o7777, handle))
        return WatchedFile(self, real, name, handle, os.path.getsize(path))

    def _make_one_folder(self, path: str) -> None:
        name, existed = self.relative(path), os.path.isdir(path)
        self.before("make_folder", path)
        super()._make_one_folder(path)
        if not existed:
            self.after(MakeFolder(name, os.stat(path).st_mode & 0o7777))

    def replace(self, source: str, target: str) -> None:
        names = self.relative(source), self.relative(target)
        self.before("replace", target)
        super().replace(source, target)
        self.after(Replace(*names))

    def remove(self, path: str) -> None:
        name, existed = self.relative(path), os.path.lexists(path)
        self.before("remove", path)
        super().remove(path)
        if existed:
            self.after(Remove(name))

    def remove_folder(self, path: str) -> None:
        name, existed = self.relative(path), os.path.isdir(path)
        self.before("remove_folder", path)
        super().remove_folder(path)
        if existed and not os.path.lexists(path):
            self.after(RemoveFolder(name))

    def set_mode(self, path: str, mode: int) -> None:
        name = self.relative(path)
        self.before("set_mode", path)
        super().set_mode(path, mode)
        self.after(SetMode(name, mode))

    def sync_folder(self, path: str) -> None:
        if self.root.startswith(os.path.join(os.path.realpath(path), "")):
            return super().sync_folder(path)  # above what is recorded: changes nothing in it
        name = self.relative(path)
        self.before("sync_folder", path)
        super().sync_folder(path)
        self.after(SyncFolder(name))
        return None

    def write_by(self, folder: str, work: Callable[[str], None]) -> None:
        """What the library wrote is recorded as if it had been written at once, by a process that may die
        before it is synced."""
        self.before("write_by", folder)

        def told(inner: str) -> None:
            work(inner)
            for name in sorted(os.listdir(inner)):
                self._appeared(os.path.join(inner, name))

        super().write_by(folder, told)

    def _appeared(self, path: str) -> None:
        with self._guard:
            self._opened += 1
            handle = self._by_path[path] = self._opened
        name = self.relative(path)
        self.after(Create(name, os.stat(path).st_mode & 0o7777, handle))
        with open(path, "rb") as file:
            self.after(Write(handle, name, 0, file.read()))

    def _sync_file(self, path: str) -> None:
        self.before("sync", path)
        super()._sync_file(path)
        self.after(SyncFile(self._by_path.pop(path), self.relative(path)))

    @contextlib.contextmanager
    def lock(
        self, path: str, *, shared: bool = False, patience: float = LOCK_PATIENCE
    ) -> Iterator[None]:
        name, existed = self.relative(path), os.path.lexists(path)
        self.before("lock", path)
        with super().lock(path, shared=shared, patience=patience):
            if not existed:
                with self._guard:
                    self._opened += 1
                    handle = self._opened
                self.after(Create(name, os.stat(path).st_mode & 0o7777, handle))
            yield


class WatchedFile(File):
    """The file that ``WatchedDisk`` hands out."""

    def __init__(self, disk: WatchedDisk, real: File, name: str, handle: int, size: int) -> None:
        super().__init__(real.path, real._descriptor)
        self.disk, self.name, self.handle, self.position = disk, name, handle, size

    def write(self, data: bytes | bytearray | memoryview) -> None:
        copy = bytes(data)
        self.disk.before("write", self.path)
        super().write(copy)
        self.disk.after(Write(self.handle, self.name, self.position, copy))
        self.position += len(copy)

    def write_at(self, data: bytes | bytearray | memoryview, offset: int) -> None:
        copy = bytes(data)
        self.disk.before("write", self.path)
        super().write_at(copy, offset)
        self.disk.after(Write(self.handle, self.name, offset, copy))

    def write_block_at(self, data: memoryview, offset: int) -> None:
        self.write_at(data, offset)

    def clone(self, source: str) -> bool:
        """On a disk that ``shares``: as if the bytes were written, which asks no less of the sync."""
        if self.disk.shares:
            with open(source, "rb") as file:
                self.write_at(file.read(), 0)
        return self.disk.shares

    def truncate(self, size: int) -> None:
        self.disk.before("truncate", self.path)
        super().truncate(size)
        self.disk.after(Truncate(self.handle, self.name, size))

    def sync(self) -> None:
        self.disk.before("sync", self.path)
        super().sync()
        self.disk.after(SyncFile(self.handle, self.name))


class Killed(BaseException):
    """The process is gone: nothing that it would have done comes to pass."""


class RecordingDisk(WatchedDisk):
    """Keeps the tree as it was at the start and every step since.

    ``kill_at(n)`` has the process die at its ``n``-th primitive from now: that one and all later ones,
    cleaning up included, raise ``Killed`` and do nothing, until ``restart``. What it did before is still
    there, durable or not, as the system itself goes on.
    """

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.start: Tree = read_tree(self.root)
        self.trace: list[Step] = []
        self._left: int | None = None

    def kill_at(self, number: int) -> None:
        """Let ``number`` more primitives happen."""
        self._left = number

    def restart(self) -> bool:
        """A new process begins; whether the last one had been killed."""
        gc.collect()  # a dead process holds no lock: close what its stack still refers to
        killed, self._left = self._left is not None and self._left < 0, None
        return killed

    def before(self, action: str, path: str) -> None:
        with self._guard:
            if self._left is not None:
                self._left = max(-1, self._left - 1)
                if self._left < 0:
                    raise Killed(f"{action} {path}")

    def after(self, step: Step) -> None:
        with self._guard:
            self.trace.append(step)

    def acknowledge(self, label: str, payload: object = None) -> None:
        """Say that the user has now been told that ``label`` is done."""
        self.after(Acknowledge(label, payload))

    def user_saves(self, path: str, data: bytes) -> None:
        """What a careful editor does: the file at ``path`` (below the root) becomes ``data``, durably."""
        target = os.path.join(self.root, path)
        self.make_folder(os.path.dirname(target))
        self.write_whole(target, data)
        folder = os.path.dirname(target)
        while folder != self.root:
            folder = os.path.dirname(folder)
            self.sync_folder(folder)


class FailingDisk(WatchedDisk):
    """Raises the error ``code`` at the primitive number ``at`` (from 0) and, ``forever``, from then on.

    A write that fails has put half of its bytes on the disk, as a full disk does. Removals go on working
    when the failure lasts: they need no space, and cleaning up depends on them. ``actions`` keeps what
    was asked for, so that a run that never fails (``at`` None) counts the places.
    """

    def __init__(self, root: str, at: int | None, code: int, *, forever: bool = False) -> None:
        super().__init__(root)
        self.at, self.code, self.forever = at, code, forever
        self.actions: list[str] = []
        self.struck: str | None = None

    def before(self, action: str, path: str) -> None:
        with self._guard:
            number = len(self.actions)
            self.actions.append(f"{action} {self.relative(path)}")
        if self.at is None or number < self.at or (number > self.at and not self.forever):
            return
        if number > self.at and action.startswith("remove"):
            return
        self.struck = self.struck or self.actions[number]
        error = OSError(self.code, os.strerror(self.code))
        if action.startswith("sync"):
            raise DurabilityError(f"can't make {path} durable: {error.strerror}") from error
        raise storage_error(action, path, error) from error

    def _open(self, action: str, path: str, how: int, mode: int) -> File:
        file = super()._open(action, path, how, mode)
        assert isinstance(file, WatchedFile)
        return FailingFile(self, file, file.name, file.handle, file.position)

    def remove_folder(self, path: str) -> None:
        # The real one reports nothing: it leaves the folder and says nothing.
        with contextlib.suppress(StorageError):
            super().remove_folder(path)


class FailingFile(WatchedFile):
    """Leaves half of the bytes behind when a write fails."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        try:
            super().write(data)
        except BaseException:
            File.write(self, bytes(data)[: len(bytes(data)) // 2])
            raise

    def write_at(self, data: bytes | bytearray | memoryview, offset: int) -> None:
        try:
            super().write_at(data, offset)
        except BaseException:
            File.write_at(self, bytes(data)[: len(bytes(data)) // 2], offset)
            raise
