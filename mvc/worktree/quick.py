"""The fast path of ``mvc status``: proof, from file times alone, that there is nothing to report.

Owns the shortest way from a folder to "nothing to commit, working tree clean". It may only say so when every
doubt is out: any state that is not plain (detached, unborn, staged, unfinished, a ref that does not fit the
cache, a racily clean file, an ignore file, anything untracked) is left to ``status.py`` by answering None.
It imports ``os`` and ``stat`` and two modules that import as little; bare Python takes 12 ms, NumPy and
pygit2 would take 50 more.
"""

from __future__ import annotations

import os
import stat

from mvc.worktree.candidates import (
    IGNORE_FILE,
    SKIPPED,
    among,
    in_code_repository,
    is_foreign,
    is_weights,
)
from mvc.worktree.index_text import NAME, decode, fingerprint, settled

_BRANCHES = "refs/heads/"
#: Folders inside folders that are walked before giving up.
_DEPTH = 64


def unchanged(start: str) -> str | None:
    """``"On branch NAME"`` when nothing at all is staged, changed, untracked or unfinished; else None."""
    try:
        return _unchanged(os.path.abspath(start))
    except (OSError, ValueError):
        return None


def _unchanged(start: str) -> str | None:
    root = _root(start)
    if root is None:
        return None
    folder = os.path.join(root, ".mvc")
    symbolic = _read(folder, "HEAD") or ""
    name = symbolic.removeprefix("ref: ")
    if not name.startswith(_BRANCHES):
        return None
    packed = _packed(folder)
    head, stage, operation = (
        _read(folder, ref) or packed.get(ref) for ref in (name, "refs/mvc/stage", "refs/mvc/ops")
    )
    if not head or not stage or not operation or operation != _read(folder, "applied"):
        return None
    for waiting in ("refs/mvc/unfinished", "refs/mvc/bisect"):
        if _read(folder, waiting) is not None or waiting in packed:
            return None
    tracked = _trusted(root, folder, (stage, head, stage))
    if tracked is None or _anything_else(root, tracked):
        return None
    return f"On branch {name.removeprefix(_BRANCHES)}"


def _root(folder: str) -> str | None:
    while not os.path.isdir(os.path.join(folder, ".mvc")):
        folder, below = os.path.dirname(folder), folder
        if folder == below:
            return None
    return folder


def _read(folder: str, name: str) -> str | None:
    try:
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            return file.read().strip()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _packed(folder: str) -> dict[str, str]:
    pairs = (line.partition(" ") for line in (_read(folder, "packed-refs") or "").split("\n"))
    return {name: id_ for id_, _, name in pairs if id_[:1] not in ("#", "^")}


def _trusted(root: str, folder: str, header: tuple[str, str, str]) -> set[str] | None:
    """The tracked paths when the cache fits ``header`` and every file fits the cache."""
    with open(os.path.join(folder, NAME), "rb") as file:
        written = os.fstat(file.fileno()).st_mtime_ns
        decoded = decode(file.read())
    if decoded is None or decoded[0] != header:
        return None
    tracked = set()
    for _, _, seen, known, path in decoded[1]:
        status = os.lstat(os.path.join(root, path))
        if fingerprint(status) != known or not settled(status, seen, written):
            return None
        tracked.add(path)
    return tracked


def _anything_else(root: str, tracked: set[str]) -> bool:
    """Whether the work tree holds anything that the full status may have a word to say about."""
    in_code = in_code_repository(root)
    folders = [""]
    while folders:
        folder = folders.pop()
        names = []
        below = []
        with os.scandir(os.path.join(root, folder) if folder else root) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    below.append(entry.name)
                else:
                    names.append(entry.name)
                    if not stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode) and (
                        not in_code or is_weights(entry.name)
                    ):
                        return True
        if IGNORE_FILE in names or folder.count("/") > _DEPTH:
            return True
        if in_code and is_foreign(names):
            continue
        if any(folder + name not in tracked for name in among(names, in_code)):
            return True
        folders += [f"{folder}{name}/" for name in below if name.lower() not in SKIPPED]
    return False
