"""Which tensors of a snapshot are undecided: conflicts that a merge kept, or left to be settled.

Owns finding them without reading every manifest, and what becomes of them when a file is taken in anew. Whether
a merge waits for a decision is ``unfinished.py``'s.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from mvc.errors import IntegrityError, UsageError
from mvc.history.commits import record_of
from mvc.history.context import Context
from mvc.history.inventory import selector
from mvc.history.log import matches
from mvc.history.manifest import Conflict, Manifest
from mvc.history.snapshot import Snapshot
from mvc.history.transaction import head_snapshot
from mvc.ids import CommitId

#: The undecided tensors of files, by path.
Undecided = Mapping[str, tuple[Conflict, ...]]


def undecided(context: Context, files: Snapshot) -> dict[str, tuple[Conflict, ...]]:
    """The undecided tensors of ``files``, of which most are as in HEAD.

    HEAD's record says which of its files have any. A file that can't be read is none of them.
    """
    known = counted(context)
    head = {} if known is None else head_snapshot(context)
    found: dict[str, tuple[Conflict, ...]] = {}
    for path, slot in files.items():
        if known is not None and path not in known and head.get(path) == slot:
            continue
        with suppress(IntegrityError):
            manifest = files.manifest(path)
            if manifest is not None and manifest.conflicts:
                found[path] = manifest.conflicts
    return found


def counted(context: Context) -> Mapping[str, int] | None:
    """How many undecided tensors HEAD has, by path; None where its record does not say."""
    head = context.refs.head()
    if head is None:
        return {}
    with suppress(IntegrityError):
        record = record_of(context, context.git.commit(CommitId(head)))
        return None if record is None else record.undecided
    return None


def carried(manifest: Manifest, conflicts: Sequence[Conflict]) -> Manifest:
    """The ``manifest`` of a file on disk, in which what ``conflicts`` left undecided stays so if still ours.

    A tensor that looks into a storage has a place in its file that a conflict can't hold: it is settled.
    """
    tensors = {entry.name: entry for entry in manifest.tensors}
    kept = []
    for conflict in conflicts:
        there = tensors.get(conflict.name)
        if there == conflict.ours:
            tensors.pop(conflict.name, None)
            kept.append(conflict)
    if not kept:
        return manifest
    return replace(manifest, tensors=tuple(tensors.values()), conflicts=tuple(kept))


def chosen(
    found: Mapping[str, Collection[str]], words: Sequence[tuple[str, str | None]]
) -> dict[str, list[str]]:
    """Of undecided tensors by path those that ``words`` name; without any, all.

    A word is given as it was typed and, where it can be one, as a path: it means files if it names one of
    ``found``, else tensors. Files of which no tensor is named are left out.

    Raises:
        UsageError: a word names neither.
    """
    paths = [path for _, path in words if path is not None and _names_file(found, path)]
    globs = [word for word, path in words if path not in paths]
    wanted = {path: names for path, names in found.items() if not paths or matches(path, paths)}
    left = {path: [*filter(selector(globs), names)] for path, names in wanted.items()}
    for glob in globs:
        if not any(map(selector([glob]), (name for names in wanted.values() for name in names))):
            raise UsageError(
                f"'{glob}' names no undecided tensor and no file with one",
                hint="mvc conflicts lists them",
            )
    return {path: names for path, names in left.items() if names or not globs}


def _names_file(found: Mapping[str, object], pattern: str) -> bool:
    return any(matches(path, [pattern]) for path in found)
