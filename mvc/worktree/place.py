"""Where a tracked path lies on disk, and whether the way there is honest.

Owns the step from a tracked path (always ``/``) to the system's. A folder on the way that is a symbolic link
leads who knows where: mvc neither reads nor writes through it.
"""

from __future__ import annotations

import os
import stat
import sys

from mvc.errors import UsageError
from mvc.history.gitobjects import EXECUTABLE_MODE, FILE_MODE


def locate(root: str, path: str) -> str:
    """The absolute place of the tracked ``path``; the root for ``""``."""
    return os.path.join(root, *path.split("/")) if path else root


def look(root: str, path: str) -> os.stat_result | None:
    """``lstat`` of the tracked path; None when nothing is there, or only behind a symbolic link."""
    if linked_parent(root, path) is not None:
        return None
    try:
        # The root itself may be reached through a link: whoever named it chose that.
        return os.lstat(locate(root, path)) if path else os.stat(root)
    except (FileNotFoundError, NotADirectoryError):
        return None


def folders_above(path: str) -> list[str]:
    """The folders that ``path`` lies in, the outermost first, without the root."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]


def linked_parent(root: str, path: str) -> str | None:
    """The first folder on the way to ``path`` that is a symbolic link, as a tracked path."""
    for parent in folders_above(path):
        try:
            if stat.S_ISLNK(os.lstat(locate(root, parent)).st_mode):
                return parent
        except (FileNotFoundError, NotADirectoryError):
            return None
    return None


def folder_above(root: str, path: str) -> str:
    """The nearest folder above ``path`` that exists: the one to sync when its name came or went."""
    folder = os.path.dirname(locate(root, path))
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return folder


def check_way(root: str, path: str) -> None:
    """Refuse a path whose way leads through a symbolic link.

    Raises:
        UsageError: naming the link.
    """
    parent = linked_parent(root, path)
    if parent is not None:
        raise UsageError(
            f"{path!r} is beyond a symbolic link: {parent!r}",
            hint="replace the link with a folder, or work where it points",
        )


def git_mode(status: os.stat_result) -> int:
    """The one of Git's two file modes that the owner's execute bit stands for."""
    if sys.platform == "win32":  # its execute bit only repeats the name's suffix
        return FILE_MODE
    return EXECUTABLE_MODE if status.st_mode & stat.S_IXUSR else FILE_MODE


def same_mode(status: os.stat_result, mode: int) -> bool:
    """Whether the file has Git's ``mode``; always, where the system keeps none."""
    return sys.platform == "win32" or git_mode(status) == mode
