"""Files of commits that may be checked out next, built while somebody waits for something else.

Owns one thread that puts files together, durably and under temporary names, as ``rebuild`` does. It promises to
be of no consequence: what can't be built is left to the checkout, which says why; what nobody took is removed.
It must not know why a commit may be next.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Collection, Iterator, Sequence
from typing import TypeAlias

from mvc.errors import MvcError, StorageError
from mvc.history.context import Context
from mvc.history.snapshot import Snapshot
from mvc.ids import BlobId
from mvc.worktree.rebuild import LOCK, Rebuilt, rebuild, size

#: A file as a commit has it: path, mode and blob.
_Wanted: TypeAlias = tuple[str, int, BlobId]
#: What is built ahead leaves at least so many times its size free on the disk.
_SPARE = 3


class _GivenUp(Exception):
    """Raised in the thread, out of the middle of a file that nobody wants any more."""


@contextlib.contextmanager
def building_ahead(context: Context) -> Iterator[Ahead]:
    """For the length of the block; whoever checks out in it is given the ``Ahead``, as it holds the lock."""
    with context.disk.lock(os.path.join(context.folder, *LOCK), shared=True):
        ahead = Ahead(context)
        try:
            yield ahead
        finally:
            ahead.drop()


class Ahead:
    """Begins, is asked for what is there, and begins anew."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._ended = threading.Event()
        self._ended.set()
        self._current: _Wanted | None = None
        self._only: Collection[_Wanted] | None = None
        self._built: dict[_Wanted, Rebuilt] = {}

    def begin(self, here: Snapshot, snapshots: Sequence[Snapshot]) -> None:
        """Build what differs from ``here``, which the work tree has: for the first snapshot, then the next."""
        self.drop()
        todo = [
            (files, path)
            for files in snapshots
            for path in files
            if files[path] != here.get(path) and files.manifest(path) is not None
        ]
        if todo:
            self._only = None
            self._ended.clear()
            threading.Thread(target=self._build, args=(here, todo), name="mvc-ahead").start()

    def take(self, files: Snapshot, paths: Collection[str]) -> list[Rebuilt]:
        """Those of ``paths`` that are there, or nearly; they are the caller's. All else is given up."""
        self._settle([(path, *files[path]) for path in paths])
        wanted = ((path, *files[path]) for path in paths)
        found = [self._built.pop(one) for one in wanted if one in self._built]
        self.drop()
        return [one for one in found if os.path.lexists(one.temporary)]  # gc took it after an hour

    def drop(self) -> None:
        """Give up whatever is there or under way."""
        self._settle(())
        while self._built:
            _, one = self._built.popitem()
            with contextlib.suppress(StorageError):
                self._context.disk.remove(one.temporary)

    def _settle(self, only: Collection[_Wanted]) -> None:
        """Let the thread end: at once, or with the file that it is at, where that is one of these."""
        self._only = only
        # Not the thread's `join`: interrupted by Ctrl-C it takes the thread for ended (CPython 3.11).
        self._ended.wait()

    def _build(self, here: Snapshot, todo: Sequence[tuple[Snapshot, str]]) -> None:
        try:
            for files, path in todo:
                self._current = (path, *files[path])
                if self._only is not None:
                    return
                with contextlib.suppress(MvcError, OSError, _GivenUp):
                    self._build_one(self._current, files, here)
        finally:
            self._ended.set()

    def _build_one(self, one: _Wanted, files: Snapshot, here: Snapshot) -> None:
        if shutil.disk_usage(self._context.folder).free > _SPARE * size(files, one[0]):
            self._built[one] = rebuild(self._context, files, one[0], self._advance, here=here)

    def _advance(self, more: int) -> None:
        if self._only is not None and self._current not in self._only:
            raise _GivenUp
