"""``clean``: removing files that nobody tracks, and folders that hold nothing else.

It removes what ``add .`` would take and nothing more: so no code inside a code repository, nothing that the Git
around us tracks, no link or socket, and nothing in a repository of its own. What it removes is gone; no
operation is recorded, as no ref could bring it back.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Literal

from mvc.history.context import Context
from mvc.history.log import matches
from mvc.history.transaction import read_stage
from mvc.history.unfinished import conflicted_paths
from mvc.store.fs import explained
from mvc.values import dataclass
from mvc.worktree.candidates import SKIPPED, in_code_repository
from mvc.worktree.ignore import is_path_ignored
from mvc.worktree.loose import is_repository, loose
from mvc.worktree.place import folder_above, folders_above, locate

#: Files that are not ignored, those too that are, or these alone.
Which = Literal["untracked", "all", "ignored"]


def clean(
    context: Context,
    paths: Sequence[str],
    below: str,
    *,
    folders: bool,
    which: Which,
    dry_run: bool,
) -> list[str]:
    """Remove untracked files below the folder ``below``; gives what goes, a whole folder with a slash.

    Folders of which nothing is tracked are spared unless ``folders``, or ``paths`` name them.

    Raises:
        UsageError: nobody knows what the Git around us tracks.
        StorageError: the system refused; what came before is gone.
    """
    tracked = {*read_stage(context), *conflicted_paths(context)}
    doomed = set(loose(context.root, tracked, ignored=which != "untracked"))
    if which == "ignored":
        doomed -= set(loose(context.root, tracked))
    sweep = _Sweep(
        context.root,
        frozenset(path for path in doomed if matches(path, paths or [""])),
        frozenset(folder for path in tracked for folder in folders_above(path)),
        tuple(paths) or ("",) * folders,
        empty=not in_code_repository(context.root),
        which=which,
    )
    found = list(sweep.found(f"{below}/" if below else "")) if sweep.enters(below) else []
    if not dry_run:
        for path in found:
            _remove(context, path, sweep.doomed)
        for folder in sorted({folder_above(context.root, path.rstrip("/")) for path in found}):
            context.disk.sync_folder(folder)
    return found


@dataclass(frozen=True, slots=True)
class _Sweep:
    """``doomed`` files go, and untracked folders that ``opened`` patterns mean when nothing else is in them.

    ``empty`` folders go too, ignored or not as ``which`` has it.
    """

    root: str
    doomed: frozenset[str]
    tracked: frozenset[str]
    opened: tuple[str, ...]
    empty: bool
    which: Which

    def found(self, folder: str) -> Iterator[str]:
        """What goes of ``folder`` (``""`` or ending in a slash), sorted."""
        for path, is_folder in self._inside(folder):
            if not is_folder:
                if path in self.doomed:
                    yield path
            elif path not in self.tracked and matches(path, self.opened) and self._goes(path):
                yield f"{path}/"
            elif self.enters(path):
                yield from self.found(f"{path}/")

    def enters(self, folder: str) -> bool:
        """Whether files go that lie in ``folder`` (``""`` is the root), each for itself."""
        if folder == "" or folder in self.tracked:
            return True
        if self._is_foreign(folder):
            return False
        # Git looks for ignored files everywhere but in folders that are ignored, or hold nothing else.
        whole = self.which != "ignored" or self._is_ignored(folder) or self._goes(folder)
        return bool(self.opened) or not whole

    def _goes(self, folder: str) -> bool:
        """Whether nothing would be left in the untracked ``folder``."""
        if self._is_foreign(folder):
            return False
        inner = self._inside(f"{folder}/")
        if not inner:
            wanted = self.which == "all" or self._is_ignored(folder) == (self.which == "ignored")
            return self.empty and wanted
        return all(
            self._goes(path) if is_folder else path in self.doomed for path, is_folder in inner
        )

    def _is_ignored(self, folder: str) -> bool:
        """Whether any new file in ``folder`` would be ignored."""
        return is_path_ignored(self.root, f"{folder}/a new file")

    def _is_foreign(self, folder: str) -> bool:
        return folder.rsplit("/", 1)[-1].lower() in SKIPPED or is_repository(self.root, folder)

    def _inside(self, folder: str) -> list[tuple[str, bool]]:
        with explained("look into", folder), os.scandir(locate(self.root, folder[:-1])) as entries:
            return sorted((folder + one.name, one.is_dir(follow_symlinks=False)) for one in entries)


def _remove(context: Context, path: str, doomed: frozenset[str]) -> None:
    if not path.endswith("/"):
        context.disk.remove(locate(context.root, path))
        return
    inner = sorted(one for one in doomed if one.startswith(path))
    for one in inner:
        context.disk.remove(locate(context.root, one))
    context.disk.clear_empty(locate(context.root, path[:-1]))
