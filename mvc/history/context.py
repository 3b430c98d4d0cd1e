"""The small context that the layers above history share: where things are, and how to reach them.

Everything heavy is opened on first use, so that a command pays only for what it touches.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cached_property, wraps
from typing import Concatenate, ParamSpec, TypeVar

from mvc.history.gitobjects import ObjectWriter
from mvc.history.operations import OperationLog
from mvc.history.refs import Refs
from mvc.store.fs import Disk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mvc.history.git import Git
    from mvc.store.store import Store

P = ParamSpec("P")
R = TypeVar("R")


def writes_objects(
    verb: Callable[Concatenate[Context, P], R],
) -> Callable[Concatenate[Context, P], R]:
    """Hold off garbage collection from the first object that ``verb`` writes until a ref names it."""

    @wraps(verb)
    def run(context: Context, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with context.gc_held_off():
            return verb(context, *args, **kwargs)

    return run


class Context:
    """``root``: the work tree; ``folder``: its ``.mvc``. Both absolute."""

    def __init__(self, root: str, folder: str, disk: Disk) -> None:
        self.root = root
        self.folder = folder
        self.disk = disk
        self.refs = Refs(folder)

    @cached_property
    def git(self) -> Git:
        """Reads Git objects."""
        from mvc.history.git import Git

        return Git(self.folder)

    @cached_property
    def store(self) -> Store:
        """Reads and writes what is too large for Git."""
        from mvc.store.store import Store

        return Store(os.path.join(self.folder, "store"), self.disk)

    @cached_property
    def operations(self) -> OperationLog:
        """The one way to change refs."""
        return OperationLog(self.folder, self.disk, self.refs)

    def gc_held_off(self) -> AbstractContextManager[None]:
        """While it lasts no garbage is collected: a new object is garbage until a ref names it."""
        return self.disk.lock(os.path.join(self.folder, "locks", "gc"), shared=True)

    def writer(self) -> ObjectWriter:
        """A new batch of Git objects."""
        return ObjectWriter(os.path.join(self.folder, "objects"), self.disk)
