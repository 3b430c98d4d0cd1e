"""The small context that the layers above history share: where things are, and how to reach them.

Everything heavy is opened on first use, so that a command pays only for what it touches.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property, wraps
from typing import Concatenate, ParamSpec, TypeVar

from mvc.history.gitobjects import ObjectWriter
from mvc.history.operations import OperationLog
from mvc.history.refs import Refs
from mvc.store.fs import Disk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mvc.errors import MissingObject
    from mvc.history.git import Git
    from mvc.history.signing import Signer
    from mvc.ids import ObjectId
    from mvc.store.store import Store

P = ParamSpec("P")
R = TypeVar("R")

#: When garbage was last collected, for those who have had the repository open since before that.
_COLLECTED = "last-gc"


def writes_objects(
    verb: Callable[Concatenate[Context, P], R],
) -> Callable[Concatenate[Context, P], R]:
    """Hold off garbage collection from the first object that ``verb`` finds or writes until a ref names it."""

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
        #: Gives the key that commits are signed with, asked for when one is made; None: they are not.
        self.signer: Callable[[], Signer | None] = lambda: None
        #: What this command was told of signing, for the command that goes on with what it leaves unfinished: a
        #: key, empty for the configured one, or False for none; None: nothing.
        self.told_to_sign: str | bool | None = None
        self._collected = self._last_collection()

    @cached_property
    def git(self) -> Git:
        """Reads Git objects."""
        from mvc.history.git import Git

        return Git(self.folder)

    @cached_property
    def store(self) -> Store:
        """Reads and writes what is too large for Git."""
        from mvc.store.store import Store

        return Store(os.path.join(self.folder, "store"), self.disk, self._why_missing)

    @cached_property
    def operations(self) -> OperationLog:
        """The one way to change refs."""
        return OperationLog(self.folder, self.disk, self.refs)

    @contextmanager
    def gc_held_off(self) -> Iterator[None]:
        """While it lasts no garbage is collected: a new object is garbage until a ref names it.

        What was learned before the last collection is forgotten: it may not be there any more.
        """
        with self.disk.lock(os.path.join(self.folder, "locks", "gc"), shared=True):
            if self._collected != self._last_collection():
                self.look_again()
            yield

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Collect garbage: nobody writes objects, moves refs or writes packs meanwhile.

        Raises:
            Locked: somebody does.
        """
        with (
            self.disk.lock(os.path.join(self.folder, "locks", "gc")),
            self.operations.locked(),
            self.store.writers_held_off(),
        ):
            self.look_again()
            try:
                yield
            finally:
                self.look_again()

    def note_collection(self) -> None:
        """Have all who hold the repository open look again before they write."""
        text = f"{time.time():.6f}\n".encode("ascii")
        self.disk.write_whole(os.path.join(self.folder, _COLLECTED), text, durable=False)

    def look_again(self) -> None:
        """Forget what was read; the store forgets nothing but looks at its folders anew."""
        self._collected = self._last_collection()
        self.__dict__.pop("git", None)
        self.__dict__.pop("operations", None)
        if "store" in self.__dict__:
            self.store.refresh()

    def _why_missing(self, object_id: ObjectId) -> MissingObject | None:
        from mvc.history.expired import why_missing

        return why_missing(self, object_id)

    def _last_collection(self) -> str:
        try:
            with open(os.path.join(self.folder, _COLLECTED), encoding="ascii") as file:
                return file.read()
        except (FileNotFoundError, UnicodeDecodeError):
            return ""

    def writer(self) -> ObjectWriter:
        """A new batch of Git objects."""
        return ObjectWriter(os.path.join(self.folder, "objects"), self.disk)
