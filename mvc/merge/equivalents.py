"""Commits that make the same change: what Git tells by patch ids, and leaves out when it rebases.

A change is told from tensors and from lines of text, not from where they lie. Two that are taken for the same
are the same; the reverse need not hold, for what is applied twice is found to change nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

from mvc.history import log
from mvc.history.context import Context
from mvc.history.git import Commit
from mvc.history.manifest import Manifest
from mvc.history.record import PATH
from mvc.history.snapshot import Snapshot
from mvc.ids import CommitId


def repeated(
    context: Context, commits: Sequence[CommitId], others: Sequence[CommitId]
) -> set[CommitId]:
    """Those of ``commits`` whose change one of ``others`` makes, too."""
    if not commits or not others:
        return set()
    known = {change for id_ in others if (change := _change(context, id_))}
    return {id_ for id_ in commits if known and _change(context, id_) in known}


def _change(context: Context, id_: CommitId) -> frozenset[object]:
    """What the commit did to its first parent; nothing of a merge."""
    commit: Commit = context.git.commit(id_)
    if len(commit.parents) > 1:
        return frozenset()
    before, after = log.parent_snapshot(context, commit), log.snapshot(context, id_)
    paths = (p for p in {*before, *after} if before.get(p) != after.get(p) and p != PATH)
    return frozenset(one for path in paths for one in _of_file(before, after, path))


def _of_file(before: Snapshot, after: Snapshot, path: str) -> Iterator[object]:
    old, new = before.get(path), after.get(path)
    modes = tuple(slot and slot[0] for slot in (old, new))
    if modes[0] != modes[1]:
        yield path, "mode", modes
    was, became = (side.manifest(path) if path in side else None for side in (before, after))
    if was is None and became is None:
        yield path, "text", tuple(_lines(before, after, path))
        return
    one, other = _values(was), _values(became)
    for name in {*one, *other}:
        if one.get(name) != other.get(name):
            yield path, name, one.get(name), other.get(name)
    if was is None or became is None or was.skeleton != became.skeleton:
        yield path, "content", was and was.skeleton, became and became.skeleton


def _values(manifest: Manifest | None) -> dict[str, object]:
    return {} if manifest is None else manifest.values


def _lines(before: Snapshot, after: Snapshot, path: str) -> Iterator[str]:
    """The patch without its line numbers and blanks, as ``git patch-id`` reads it."""
    old, new = (
        (side.blob(path) if path in side else b"").decode("utf-8", "surrogateescape").splitlines()
        for side in (before, after)
    )
    for line in difflib.unified_diff(old, new, lineterm=""):
        if not line.startswith(("@@", "---", "+++")):
            yield "".join(line.split())
