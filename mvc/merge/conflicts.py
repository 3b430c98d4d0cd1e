"""Git's words for what a merge could not settle, and a merge's own for tensors."""

from __future__ import annotations

from collections.abc import Sequence

from mvc.history.unfinished import FileConflict
from mvc.merge.three_way import Merged

_NAMED = 3


def announce(merged: Merged, labels: tuple[str, str], *, keep: bool = False) -> list[str]:
    """One line a file with conflicts, sorted by path; ``labels`` name ours and theirs.

    ``keep``: those of tensors shall be kept, and do not wait.
    """
    lines = [(path, _file(path, found, labels)) for path, found in merged.conflicts.items()]
    lines += [(path, _tensors(path, names, keep)) for path, names in merged.undecided.items()]
    return [line for _, line in sorted(lines)]


def _file(path: str, found: FileConflict, labels: tuple[str, str]) -> str:
    if found.kind == "delete-modify":
        gone, left = labels if found.ours is None else labels[::-1]
        return (
            f"CONFLICT (modify/delete): {path} deleted in {gone} and modified in {left}.  "
            f"Version {left} of {path} left in tree."
        )
    if found.kind == "file-folder":
        side = labels[0] if found.ours is not None else labels[1]
        return f"CONFLICT (file/directory): directory in the way of a file from {side}; it is now {path}."
    kind = {"text": "content", "bytes": "binary", "add-add": "add/add"}.get(found.kind, found.kind)
    return f"CONFLICT ({kind}): Merge conflict in {path}"


def _tensors(path: str, names: Sequence[str], keep: bool = False) -> str:
    """The line for a file with undecided tensors."""
    what = "Kept in" if keep else "Merge conflict in"
    return f"CONFLICT (tensors): {what} {path}: {_some(names)}"


def _some(names: Sequence[str]) -> str:
    """The first few, and how many more."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
