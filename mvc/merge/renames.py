"""Exact renames: a file that one side moved unchanged still takes the other side's changes.

Owns the pairing, by equal blobs as ``git diff -M100%`` has it. Files that were moved and changed at once
are a deletion and an addition here; their tensors are the same objects, so that costs no space.
"""

from __future__ import annotations

from collections.abc import Iterable

from mvc.history.snapshot import Snapshot

Sides = tuple[Snapshot, Snapshot, Snapshot]


def follow(base: Snapshot, ours: Snapshot, theirs: Snapshot) -> Sides:
    """The three snapshots with each file that one side renamed under its new name on the other two."""
    by_ours = _renamed(base, ours, theirs)
    by_theirs = _renamed(base, theirs, ours)
    # Two different new names for one file, or one for two, is nothing to follow.
    contested = {old for old in by_ours if by_theirs.get(old, by_ours[old]) != by_ours[old]}
    targets = [*by_ours.values(), *by_theirs.values()]
    moves = {
        old: new
        for old, new in {**by_ours, **by_theirs}.items()
        if old not in contested and targets.count(new) == 1
    }
    ours_moves = {old: new for old, new in moves.items() if old in by_theirs}
    theirs_moves = {old: new for old, new in moves.items() if old in by_ours}
    return _moved(base, moves), _moved(ours, ours_moves), _moved(theirs, theirs_moves)


def _renamed(base: Snapshot, side: Snapshot, other: Snapshot) -> dict[str, str]:
    """Map old to new for what ``side`` moved, where ``other`` still has the old name and not the new one."""
    gone = [path for path in base if path not in side]
    new = [path for path in side if path not in base]
    if not gone or not new:
        return {}
    gone_by_blob, new_by_blob = _by_blob(base, gone), _by_blob(side, new)
    return {
        olds[0]: new_by_blob[blob][0]
        for blob, olds in gone_by_blob.items()
        if len(olds) == 1
        and len(new_by_blob.get(blob, ())) == 1
        and olds[0] in other
        and new_by_blob[blob][0] not in other
    }


def _by_blob(snapshot: Snapshot, paths: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in paths:
        found.setdefault(snapshot[path][1], []).append(path)
    return found


def _moved(snapshot: Snapshot, moves: dict[str, str]) -> Snapshot:
    present = {old: new for old, new in moves.items() if old in snapshot}
    if not present:
        return snapshot
    changes = {new: snapshot[old] for old, new in present.items()}
    return snapshot.with_files({**dict.fromkeys(present), **changes})
