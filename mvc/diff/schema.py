"""A difference as plain data for ``--json``. Its keys stay: ``docs/reference/diff.md`` describes them."""

from __future__ import annotations

import math
from typing import Any

from mvc.diff.changes import (
    Difference,
    FileChange,
    FileVersion,
    ModelChange,
    TensorChange,
    TensorVersion,
)
from mvc.diff.renames import renamings
from mvc.diff.stats import TensorStats
from mvc.diff.text import TextDiff
from mvc.history.manifest import Conflict, Entry


def as_json(difference: Difference) -> dict[str, Any]:
    """Dictionaries, lists, strings, numbers and None only; no NaN and no infinity."""
    return {
        "files": [_file(change) for change in difference.files],
        "models": [_model(change) for change in difference.models],
    }


def _file(change: FileChange) -> dict[str, Any]:
    return {
        "path": change.path,
        "status": change.status,
        "kind": change.kind,
        "old": _file_version(change.old),
        "new": _file_version(change.new),
        "model": change.model,
        "other_content": change.other_content,
        "metadata": [{"key": m.key, "old": m.old, "new": m.new} for m in change.metadata],
        "text": _text(change.text),
    }


def _text(text: TextDiff | None) -> dict[str, Any] | None:
    if text is None:
        return None
    return {
        "insertions": text.insertions,
        "deletions": text.deletions,
        "lines": list(text.lines),
    }


def _file_version(version: FileVersion | None) -> dict[str, Any] | None:
    if version is None:
        return None
    return {
        "path": version.path,
        "mode": f"{version.mode:o}",
        "blob": version.blob,
        "size": version.size,
        "kind": version.kind,
    }


def _model(change: ModelChange) -> dict[str, Any]:
    return {
        "name": change.name,
        "files": list(change.files),
        "old_tensors": change.old_tensors,
        "new_tensors": change.new_tensors,
        "other_content": change.other_content,
        "renamings": [
            {"old": one.rule.old, "new": one.rule.new, "tensors": one.count}
            for one in renamings(change.tensors)
            if one.count > 1
        ],
        "tensors": [_tensor(tensor) for tensor in change.tensors],
    }


def _tensor(change: TensorChange) -> dict[str, Any]:
    return {
        "name": change.name,
        "status": change.status,
        "old": _tensor_version(change.old),
        "new": _tensor_version(change.new),
        "stats": _stats(change.stats),
        "conflict": _conflict(change.conflict),
    }


def _tensor_version(version: TensorVersion | None) -> dict[str, Any] | None:
    return None if version is None else {"path": version.path, **_entry(version.entry)}


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "dtype": entry.dtype,
        "shape": list(entry.shape),
        "id": entry.id,
    }


def _conflict(conflict: Conflict | None) -> dict[str, Any] | None:
    if conflict is None:
        return None
    sides = {"base": conflict.base, "ours": conflict.ours, "theirs": conflict.theirs}
    more = [entry and _entry(entry) for entry in conflict.more]
    return {**{name: entry and _entry(entry) for name, entry in sides.items()}, "more": more}


def _stats(stats: TensorStats | None) -> dict[str, Any] | None:
    if stats is None:
        return None
    return {
        "elements": stats.elements,
        "changed": stats.changed,
        "changed_share": stats.changed_share,
        "relative_l2": _number(stats.relative_l2),
        "cosine": _number(stats.cosine),
        "max_abs": _number(stats.max_abs),
        "max_ulp": stats.max_ulp,
        "old_norm": _number(stats.old_norm),
        "new_norm": _number(stats.new_norm),
        "old_nonfinite": stats.old_nonfinite,
        "new_nonfinite": stats.new_nonfinite,
        "cast": stats.cast,
    }


def _number(value: float | None) -> float | None:
    """JSON has no infinity; only norms and distances beyond float64 are infinite."""
    return value if value is None or math.isfinite(value) else None
