"""The code repository around us: telling its Git what to ignore, and asking it what is its own.

What mvc tracks is listed in Git's private exclude file, never in a file of the user's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from mvc.errors import UsageError
from mvc.store.fs import Disk
from mvc.worktree.candidates import enclosing_git

_TITLE = "# versioned by mvc"
_SPECIAL = re.compile(r"([\\*?\[\]!# ])")


def hide(root: str, names: Sequence[str], disk: Disk) -> None:
    """Have Git ignore the files or folders ``names`` of the work tree ``root``.

    Nothing happens outside of a code repository, and in a linked worktree or a submodule, whose exclude
    file belongs to another folder.
    """
    outer = enclosing_git(root)
    if outer is None or not os.path.isdir(os.path.join(outer, ".git")):
        return
    folder = os.path.relpath(root, outer).replace(os.sep, "/")
    prefix = "/" if folder == "." else f"/{folder}/"
    exclude = os.path.join(outer, ".git", "info", "exclude")
    existing = _read(exclude)
    known = set(existing.splitlines())
    lines = [_SPECIAL.sub(r"\\\1", prefix + name) for name in names]
    missing = [line for line in dict.fromkeys(lines) if line not in known]
    if not missing:
        return
    title = [] if _TITLE in known else [_TITLE]
    gap = "" if existing.endswith("\n") or not existing else "\n"
    disk.make_folder(os.path.dirname(exclude))
    disk.write_whole(
        exclude,
        (existing + gap + "\n".join([*title, *missing, ""])).encode("utf-8", "surrogateescape"),
    )


def tracked_by_git(root: str) -> frozenset[str]:
    """The files below ``root`` that the Git around it tracks, relative to ``root``; none outside of any.

    Raises:
        UsageError: Git's index can't be read, so nobody knows.
    """
    outer = enclosing_git(root)
    if outer is None:
        return frozenset()
    import pygit2

    try:
        tracked = [entry.path for entry in pygit2.Repository(outer).index]
    except (pygit2.GitError, KeyError, OSError) as error:
        raise UsageError(
            f"can't tell which files Git tracks in {outer}: {error}", hint="git status says more"
        ) from error
    folder = os.path.relpath(root, outer).replace(os.sep, "/")
    prefix = "" if folder == "." else f"{folder}/"
    return frozenset(path[len(prefix) :] for path in tracked if path.startswith(prefix))


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except FileNotFoundError:
        return ""
