"""Walking the work tree: which files are there for ``add`` and ``status``.

Owns the walk. It never enters ``.mvc`` or ``.git``, a folder that is a repository of its own, or a symbolic
link; what can't be tracked (links, sockets, names no other system can write) is told with its reason. It reads
no file but ``.mvcignore``.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import field
from fnmatch import fnmatchcase

from mvc import paths as tracked_paths
from mvc.errors import StorageError, UsageError
from mvc.store.fs import explained
from mvc.values import dataclass
from mvc.worktree import candidates, ignore
from mvc.worktree.ignore import Rules
from mvc.worktree.place import check_way, locate, look
from mvc.worktree.reading import kind

#: Folders inside folders; a path that long can't be tracked, and the walk is recursive.
_DEPTH = 250


@dataclass(slots=True)
class Found:
    """What a walk met that no one tracks: ``paths``, sorted, and what it passed over with the reason."""

    paths: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)


def untracked(
    root: str,
    tracked: Collection[str],
    *,
    collapse: bool = True,
    below: str = "",
    ignored: bool = False,
) -> Found:
    """Files below the folder ``below`` that are not tracked nor, unless ``ignored``, ignored.

    With ``collapse`` a folder that holds nothing else is listed once, with a slash at its end, as Git does.
    Inside a code repository only model files and their sidecars count.
    """
    walk = _Walk(root, tracked, collapse=collapse, ignoring=not ignored)
    folder = f"{below}/" if below else ""
    walk.folder(folder, _rules_above(root, folder))
    walk.found.paths.sort()
    walk.found.skipped.sort()
    return walk.found


def scan(
    root: str, patterns: Sequence[str], *, tracked: Collection[str], force: bool = False
) -> list[str]:
    """The files on disk, tracked or not, that ``patterns`` mean: files, folders (``""``: all), globs.

    A file named by itself counts whatever it is; below folders and under globs, what ``untracked`` lists.
    ``force`` takes ignored files too.

    Raises:
        UsageError: a pattern names an ignored file and ``force`` is off, or nothing that may be tracked,
            or what lies beyond a symbolic link.
    """
    found: set[str] = set()
    for pattern in patterns:
        status = look(root, pattern)
        if pattern and (status is not None or os.path.lexists(locate(root, pattern))):
            tracked_paths.check(pattern)
        if status is None:
            if pattern not in tracked:
                check_way(root, pattern)
            found |= _globbed(root, pattern, tracked, force)
        elif stat.S_ISDIR(status.st_mode):
            found |= _below(root, pattern, tracked, force)
        else:
            if not force and pattern not in tracked and ignore.is_path_ignored(root, pattern):
                raise UsageError(
                    f"the path {pattern!r} is ignored by one of your .mvcignore files",
                    hint=f"mvc add -f {pattern} adds it all the same",
                )
            found.add(pattern)
    return sorted(found)


def _below(root: str, folder: str, tracked: Collection[str], force: bool) -> set[str]:
    walk = _Walk(root, tracked, collapse=False, ignoring=not force)
    prefix = f"{folder}/" if folder else ""
    walk.folder(prefix, _rules_above(root, prefix))
    return {*walk.found.paths, *_existing(root, (p for p in tracked if p.startswith(prefix)))}


def _globbed(root: str, pattern: str, tracked: Collection[str], force: bool) -> set[str]:
    if not set(pattern) & set("*?["):
        return set()
    walk = _Walk(root, tracked, collapse=False, ignoring=not force, everything=True)
    walk.folder("", ())
    matching = {path for path in walk.found.paths if fnmatchcase(path, pattern)}
    return matching | _existing(root, (p for p in tracked if fnmatchcase(p, pattern)))


def _existing(root: str, paths: Iterable[str]) -> set[str]:
    found = ((path, look(root, path)) for path in paths)
    return {path for path, status in found if status and not stat.S_ISDIR(status.st_mode)}


def _rules_above(root: str, folder: str) -> tuple[Rules, ...]:
    """The ignore files of the folders that ``folder`` lies in, from the root downwards."""
    parts = folder.split("/")[:-1]
    above = ["".join(f"{part}/" for part in parts[:count]) for count in range(len(parts))]
    return tuple(rules for one in above if (rules := ignore.read(root, one)) is not None)


class _Walk:
    def __init__(
        self,
        root: str,
        tracked: Collection[str],
        *,
        collapse: bool,
        ignoring: bool = True,
        everything: bool = False,
    ) -> None:
        self.found = Found()
        self._root = root
        self._tracked = frozenset(tracked)
        self._tracked_folders = frozenset(_folders_of(tracked))
        self._collapse = collapse
        self._ignoring = ignoring
        self._in_code = not everything and candidates.in_code_repository(root)

    def folder(self, folder: str, rules: tuple[Rules, ...], depth: int = 0) -> bool:
        """Walk ``folder`` (``""`` or ending in a slash); whether all in it is untracked."""
        entries = self._entries(folder)
        names = [entry.name for entry in entries]
        if self._ignoring and candidates.IGNORE_FILE in names:
            own = ignore.read(self._root, folder)
            rules = (*rules, own) if own is not None else rules
        if self._in_code and candidates.is_foreign(names):
            return False
        start = len(self.found.paths)
        files = [entry for entry in entries if not entry.is_dir(follow_symlinks=False)]
        wanted = set(candidates.among([entry.name for entry in files], self._in_code))
        pure = len(wanted) == len(files) and folder not in self._tracked_folders
        for entry in files:
            if entry.name in wanted:
                self._file(folder + entry.name, entry, rules)
        for entry in entries:
            if entry.is_dir(follow_symlinks=False) and self._enters(folder + entry.name, rules):
                if depth >= _DEPTH:
                    self.found.skipped.append((folder + entry.name, "is nested too deeply"))
                    continue
                pure &= self.folder(f"{folder}{entry.name}/", rules, depth + 1)
        if self._collapse and pure and folder and len(self.found.paths) > start:
            self.found.paths[start:] = [folder]
        return pure

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        place = locate(self._root, folder.rstrip("/"))
        try:
            # Whatever else the system says is no reason to take its files for none.
            with explained("look into", place), os.scandir(place) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except StorageError as error:
            if not isinstance(
                error.__cause__, FileNotFoundError | NotADirectoryError | PermissionError
            ):
                raise
            self.found.skipped.append((folder, f"can't be read: {error.__cause__.strerror}"))
            return []

    def _file(self, path: str, entry: os.DirEntry[str], rules: tuple[Rules, ...]) -> None:
        if path in self._tracked or (self._ignoring and ignore.is_ignored(rules, path)):
            return
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:  # gone since the folder was listed
            return
        problem = tracked_paths.problem(path)
        if not stat.S_ISREG(status.st_mode):
            problem = f"is {kind(status)}"
        if problem:
            self.found.skipped.append((path, problem))
        else:
            self.found.paths.append(path)

    def _enters(self, path: str, rules: tuple[Rules, ...]) -> bool:
        name = path.rsplit("/", 1)[-1]
        if name.lower() in candidates.SKIPPED:
            return False
        if os.path.isdir(os.path.join(locate(self._root, path), ".mvc")):
            return False  # a repository of its own
        return not (self._ignoring and ignore.is_ignored(rules, f"{path}/"))


def _folders_of(paths: Iterable[str]) -> Iterator[str]:
    for path in paths:
        end = path.rfind("/")
        while end >= 0:
            yield path[: end + 1]
            end = path.rfind("/", 0, end)
