"""All work in commits: what a rebase asks for before it begins or goes on.

A rebase that was cut off between its files and its refs has left files that no commit holds and that nobody
wrote. They are told from unsaved work by what they are: the very files that the same rebase makes again.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from mvc.errors import FormatError, UsageError
from mvc.history.context import Context
from mvc.history.snapshot import Snapshot
from mvc.worktree.compare import Comparison
from mvc.worktree.files_side import FilesSide
from mvc.worktree.place import locate
from mvc.worktree.status import status


def require_saved(context: Context, *, staged: bool = False) -> tuple[str, ...]:
    """Let a rebase go on where all work is in a commit, or (``staged``) on the stage; gives the paths of files
    that may be left of one that was cut off, to be passed to ``require_made``.

    Raises:
        UsageError: it is not.
    """
    found = status(context)
    changed = tuple(sorted({delta.path for delta in found.unstaged}))
    if changed and not _are_objects(context, changed):
        raise unsaved("You have unstaged changes.")
    if found.staged and not staged:
        raise unsaved("Your index contains uncommitted changes.")
    return changed


def require_made(context: Context, result: Snapshot, paths: Sequence[str]) -> None:
    """Let a rebase put ``result`` in place only if the files at ``paths`` are in it as they are.

    Raises:
        UsageError: one is not.
    """
    comparison = Comparison(context)
    for path in paths:
        there = os.path.lexists(locate(context.root, path))
        if comparison.state(result, path) != "same" if path in result else there:
            raise unsaved("You have unstaged changes.")


def unsaved(what: str) -> UsageError:
    """What to say where something is not saved."""
    return UsageError(f"cannot rebase: {what}", hint="mvc commit them, or mvc stash them")


def _are_objects(context: Context, paths: Sequence[str]) -> bool:
    """Whether each file is one that mvc has made or taken in before: so others are refused at once."""
    places = {path: locate(context.root, path) for path in paths}
    there = {path: place for path, place in places.items() if os.path.lexists(place)}
    if not all(os.path.isfile(place) and not os.path.islink(place) for place in there.values()):
        return False
    try:
        return all(blob in context.git for _, blob in FilesSide(there).files.values())
    except FormatError:
        return False
