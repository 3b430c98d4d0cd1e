"""Finding tensors by their names, in a commit, on the stage or in the work tree.

No tensor is read: a commit's names are in its manifests, those of the work tree in the headers of its files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from mvc.errors import UsageError
from mvc.history import log, revisions
from mvc.history.context import Context
from mvc.history.snapshot import Snapshot
from mvc.history.transaction import read_stage
from mvc.values import dataclass


@dataclass(frozen=True, slots=True)
class Found:
    """A tensor of a tracked file."""

    path: str
    name: str
    dtype: str
    shape: tuple[int, ...]


def search(
    context: Context,
    pattern: str,
    revision: str | None,
    *,
    paths: Sequence[str],
    ignore_case: bool,
    invert: bool,
) -> Iterator[Found]:
    """Tensors whose name the regular expression ``pattern`` matches anywhere, by path and name.

    ``revision`` None means the work tree, ``""`` the stage. ``invert`` gives those that don't match. An
    undecided tensor of an unfinished merge counts by the side that has it.

    Raises:
        UsageError: no such revision, or ``pattern`` is no regular expression.
    """
    try:
        matches = re.compile(pattern, re.IGNORECASE if ignore_case else 0).search
    except (re.error, RecursionError, OverflowError) as error:
        raise UsageError(
            f"'{pattern}' is no regular expression: {error}", hint="-F takes it as it is"
        ) from error
    return (
        found
        for found in _tensors(context, revision, paths)
        if (matches(found.name) is None) == invert
    )


def _tensors(context: Context, revision: str | None, paths: Sequence[str]) -> Iterator[Found]:
    if revision:
        files = log.snapshot(context, revisions.resolve(context, revision))
    else:
        files = read_stage(context)
    wanted = [path for path in files if not paths or log.matches(path, paths)]
    if revision is None:
        return _on_disk(context, wanted)
    return _recorded(files, wanted)


def _on_disk(context: Context, paths: Iterable[str]) -> Iterator[Found]:
    from mvc.worktree.headers import tensors_on_disk

    for path, tensors in tensors_on_disk(context, paths):
        yield from (Found(path, one.name, one.dtype, one.shape) for one in tensors)


def _recorded(files: Snapshot, paths: Iterable[str]) -> Iterator[Found]:
    for path in paths:
        manifest = files.manifest(path)
        if manifest is None:
            continue
        sides = ((c.ours or c.theirs or c.base) for c in manifest.conflicts)
        entries = chain(manifest.tensors, (entry for entry in sides if entry is not None))
        for entry in sorted(entries, key=lambda entry: entry.name):
            yield Found(path, entry.name, entry.dtype, entry.shape)
