"""Git's words for what a merge could not settle, and a merge's own for tensors."""

from __future__ import annotations

from mvc.history.unfinished import FileConflict
from mvc.merge.three_way import Merged

_NAMED = 3


def announce(merged: Merged, labels: tuple[str, str]) -> list[str]:
    """One line a file with conflicts, sorted by path; ``labels`` name ours and theirs."""
    lines = [(path, _file(path, found, labels)) for path, found in merged.conflicts.items()]
    lines += [(path, _tensors(path, names)) for path, names in merged.undecided.items()]
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


def _tensors(path: str, names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"CONFLICT (tensors): Merge conflict in {path}: {', '.join(names[:_NAMED])}{more}"
