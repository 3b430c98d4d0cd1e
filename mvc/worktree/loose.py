"""Files that nobody tracks: the ones that may be put aside or removed.

They are what ``add .`` would take, and so inside a code repository never code, without what lies in a Git
repository of its own or is tracked by the Git around us: a README beside the weights may be either's, and
only Git may touch what Git has.
"""

from __future__ import annotations

import os
from collections.abc import Collection

from mvc.worktree.code_repository import tracked_by_git
from mvc.worktree.place import folders_above, locate
from mvc.worktree.scan import untracked


def loose(root: str, tracked: Collection[str], *, ignored: bool = False) -> list[str]:
    """Every untracked file, sorted; with ``ignored`` also those that ``.mvcignore`` names.

    Raises:
        UsageError: nobody knows what the Git around us tracks.
    """
    found = untracked(root, tracked, collapse=False, ignored=ignored).paths
    if not found:
        return []
    others = tracked_by_git(root)
    nested = {
        folder for path in found for folder in folders_above(path) if is_repository(root, folder)
    }
    return [p for p in found if p not in others and nested.isdisjoint(folders_above(p))]


def is_repository(root: str, folder: str) -> bool:
    """Whether the folder holds a Git repository or an mvc one."""
    place = locate(root, folder)
    return any(os.path.lexists(os.path.join(place, name)) for name in (".git", ".mvc"))
