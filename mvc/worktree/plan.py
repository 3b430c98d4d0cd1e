"""What a checkout will do, decided before anything is touched.

Owns Git's two-tree rules (``git-read-tree``, "Two Tree Merge") for the work tree: a path that is equal in both
trees keeps its local changes; one that differs must be as the old tree has it, or already as the new one has
it, or be missing. Anything else is unsaved work in the way and refuses the whole checkout. It changes nothing.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from dataclasses import field

from mvc import paths as tracked_paths
from mvc.errors import CorruptPack, DirtyWorktree
from mvc.history.context import Context
from mvc.history.gitobjects import EXECUTABLE_MODE, FILE_MODE
from mvc.history.snapshot import Snapshot
from mvc.values import dataclass
from mvc.worktree.compare import Comparison
from mvc.worktree.index_text import fingerprint
from mvc.worktree.place import check_way, linked_parent, locate, look, same_mode

_SHOWN = 20


@dataclass(slots=True)
class Plan:
    """Paths to write, to give another mode and to remove, each sorted.

    ``met`` is the fingerprint of what was found at a path, None for nothing: it must still be so when the
    path's turn comes.
    """

    write: list[str] = field(default_factory=list)
    chmod: list[str] = field(default_factory=list)
    remove: list[str] = field(default_factory=list)
    met: dict[str, str | None] = field(default_factory=dict)


def plan(
    context: Context,
    old: Snapshot,
    new: Snapshot,
    paths: Collection[str] | None = None,
    *,
    force: bool | Collection[str] = False,
) -> Plan:
    """The way from ``old``, which the work tree follows, to ``new``; only at ``paths`` where given.

    With ``force`` changes of tracked files, or of those that it names, are given up, also where the trees
    agree. A file that ``old`` does not track is never given up, unless it already is what ``new`` has.

    Raises:
        DirtyWorktree: naming what is in the way.
        UsageError: a folder on the way is a symbolic link.
    """
    forced = {*old, *new} if force is True else set(force or ())
    planning = _Planning(context, old, new, forced)
    for path in sorted({*old, *new} if paths is None else {*paths} & {*old, *new}):
        if path in forced or old.get(path) != new.get(path):
            planning.decide(tracked_paths.check(path))
    planning.check_folders()
    planning.refuse()
    return planning.plan


def met(context: Context, path: str) -> str | None:
    """The fingerprint of what is at ``path`` now."""
    status = look(context.root, path)
    return None if status is None else fingerprint(status)


class _Planning:
    def __init__(self, context: Context, old: Snapshot, new: Snapshot, forced: set[str]) -> None:
        self.plan = Plan()
        self._context = context
        self._old = old
        self._new = new
        self._forced = forced
        self._comparison = Comparison(context)
        self._changed: list[str] = []
        self._untracked: list[str] = []

    def decide(self, path: str) -> None:
        """Put ``path`` where it belongs."""
        if path in self._new:
            if self._new[path][0] not in (FILE_MODE, EXECUTABLE_MODE):
                raise CorruptPack(f"{path} is neither a file nor an executable in its tree")
            check_way(self._context.root, path)
        status = look(self._context.root, path)
        self.plan.met[path] = None if status is None else fingerprint(status)
        if path not in self._new:
            self._decide_removal(path, status)
        elif status is None or stat.S_ISDIR(status.st_mode):
            self.plan.write.append(path)  # a folder in its place: check_folders
        elif self._has(self._new, path, status):
            if not same_mode(status, self._new[path][0]):
                self.plan.chmod.append(path)
        elif self._may_go(path, status):
            self.plan.write.append(path)

    def _decide_removal(self, path: str, status: os.stat_result | None) -> None:
        if status is None or stat.S_ISDIR(status.st_mode):
            return
        if linked_parent(self._context.root, path) is None and self._may_go(path, status):
            self.plan.remove.append(path)

    def _may_go(self, path: str, status: os.stat_result) -> bool:
        """Whether the file at ``path`` may be replaced or removed; if not, it is remembered."""
        if path not in self._old:
            self._untracked.append(path)
            return False
        if path in self._forced:
            return True
        saved = self._has(self._old, path, status) and same_mode(status, self._old[path][0])
        if not saved:
            self._changed.append(path)
        return saved

    def _has(self, files: Snapshot, path: str, status: os.stat_result) -> bool:
        return stat.S_ISREG(status.st_mode) and self._comparison.has_content(files, path, status)

    def check_folders(self) -> None:
        """A file may stand where a folder must be, and a folder where a file must be."""
        going = set(self.plan.remove)
        for path in self.plan.write:
            parts = path.split("/")
            for count in range(1, len(parts)):
                parent = "/".join(parts[:count])
                status = look(self._context.root, parent)
                if status is not None and not stat.S_ISDIR(status.st_mode) and parent not in going:
                    self._untracked.append(parent)
            for inner in _files_below(self._context.root, path):
                if inner not in going:
                    self._untracked.append(inner)

    def refuse(self) -> None:
        """Let the plan pass only if nothing is in the way.

        Raises:
            DirtyWorktree: naming what is.
        """
        self._comparison.remember()
        if self._changed:
            raise DirtyWorktree(
                "your local changes to the following files would be overwritten:"
                + _listed(self._changed),
                hint="mvc commit them first, or mvc restore them to give them up",
            )
        if self._untracked:
            raise DirtyWorktree(
                "the following untracked files would be overwritten:" + _listed(self._untracked),
                hint="move or remove them first",
            )


def _files_below(root: str, path: str) -> list[str]:
    """Everything that is no folder below the folder at ``path``; nothing when it is none."""
    if os.path.islink(locate(root, path)):
        return []
    found = []
    for folder, _, names in os.walk(locate(root, path)):
        inner = os.path.relpath(folder, root).replace(os.sep, "/")
        found += [f"{inner}/{name}" for name in names]
    return found


def _listed(paths: list[str]) -> str:
    names = sorted(set(paths))
    more = [f"... and {len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
    return "".join(f"\n\t{name}" for name in names[:_SHOWN] + more)
