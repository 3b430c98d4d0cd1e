"""Which commits changed some tensors, or how often a tensor's id occurs: what ``log -t`` and ``log -S`` ask.

Two trees are compared by their manifests alone. A tensor that went to another shard of its model, or whose
file was renamed, has not changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from mvc.errors import UsageError
from mvc.formats.sharded import models
from mvc.history.context import Context
from mvc.history.files import chunks
from mvc.history.git import Commit
from mvc.history.inventory import Inventory, Line, name_of, selector
from mvc.history.log import differences, matches
from mvc.history.record import PATH
from mvc.history.simplifying import Same
from mvc.history.snapshot import Snapshot
from mvc.ids import CommitId

_ID = re.compile(r"[0-9a-f]{4,64}")
#: Where a file's tensors are on each side: path → tensors; none where it is not.
_Sides = tuple[dict[str, frozenset[Line]], dict[str, frozenset[Line]]]


def same_tensors(context: Context, paths: Sequence[str], globs: Sequence[str]) -> Same:
    """Whether the tensors that ``globs`` name are the same in two trees, in the files that ``paths`` name."""
    inventory, wanted = Inventory(context), selector(globs)

    def same(old: str | None, new: str) -> bool:
        before, after = _changed(context, inventory, old, new, paths)
        left = {
            (path, line)
            for path in {*before, *after}
            for line in before.get(path, frozenset()) ^ after.get(path, frozenset())
            if wanted(name_of(line))
        }
        return not left or _only_moved(context, left, (before, after), old, new)

    return same


def counting(
    context: Context,
    commits: Iterator[Commit],
    id_: str,
    paths: Sequence[str],
    globs: Sequence[str],
) -> Iterator[Commit]:
    """Those of ``commits`` in which the id of a tensor, given by its first digits, occurs more or less often.

    A merge is one only if it differs so from each of its parents.

    Raises:
        UsageError: ``id_`` can't be the beginning of an id.
    """
    if not _ID.fullmatch(id_.lower()):
        raise UsageError(
            f"'{id_}' is no tensor's id, nor the first four digits of one",
            hint="mvc ls --tensors shows them",
        )
    return _counting(context, commits, id_.lower(), paths, selector(globs))


def _counting(
    context: Context,
    commits: Iterator[Commit],
    id_: str,
    paths: Sequence[str],
    wanted: Callable[[str], bool],
) -> Iterator[Commit]:
    inventory, git = Inventory(context), context.git

    def count(side: dict[str, frozenset[Line]], other: dict[str, frozenset[Line]]) -> int:
        """How often it occurs in what the other side does not have in the same place."""
        mark = f"] {id_}"
        alone = (line for path, t in side.items() for line in t - other.get(path, frozenset()))
        return sum(
            line.rpartition(" ")[2].startswith(id_) and wanted(name_of(line))
            for line in alone
            if mark in line
        )

    known: dict[CommitId, Commit] = {}
    for commit in commits:
        # Whoever draws has put the next commits that are shown in the place of the parents.
        parents = (known.pop(commit.id, None) or git.commit(commit.id)).parents
        known.update((parent, git.commit(parent)) for parent in parents if parent not in known)
        trees: list[str | None] = [known[parent].tree for parent in parents]
        sides = (_changed(context, inventory, tree, commit.tree, paths) for tree in trees or [None])
        if all(count(before, after) != count(after, before) for before, after in sides):
            yield commit


def _changed(
    context: Context, inventory: Inventory, old: str | None, new: str, paths: Sequence[str]
) -> _Sides:
    before: dict[str, frozenset[Line]] = {}
    after: dict[str, frozenset[Line]] = {}
    for path, was, is_ in differences(context.git, old, new):
        if path == PATH or (paths and not matches(path, paths)):
            continue
        for place, side in ((was, before), (is_, after)):
            if place is not None:
                side[path] = inventory.of_blob(place[1])
    return before, after


def _only_moved(
    context: Context, left: set[tuple[str, Line]], sides: _Sides, old: str | None, new: str
) -> bool:
    """Whether all that differs is in the same model as before, or in one that was renamed."""
    then, now = _Names(context, old), _Names(context, new)
    gone = sorted(
        (then.of(path, now), line) for path, line in left if line in sides[0].get(path, ())
    )
    come = sorted(
        (now.of(path, then), line) for path, line in left if line in sides[1].get(path, ())
    )
    return gone == come


class _Names:
    """What to call the model of a file, such that what moved in it keeps its name."""

    def __init__(self, context: Context, tree: str | None) -> None:
        files = Snapshot.of_tree(context.git, tree)
        found = models(files, lambda path: b"".join(map(bytes, chunks(context, files, path))))
        self._models = {path: model.name for model in found for path in model.files}
        self._known = {*files, *self._models.values()}

    def of(self, path: str, other: _Names) -> str:
        """The model's name; "" for one that the other side lacks, where it may have another name."""
        model = self._models.get(path, path)
        return model if model in other._known else ""
