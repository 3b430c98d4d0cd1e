"""What changed between two states of the weights, file by file and tensor by tensor. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hooks.weight_hashes import Tensor, Weight, Weights


@dataclass(frozen=True, slots=True)
class Change:
    """A file that is ``new``, ``changed``, ``renamed`` (from ``old_path``, byte for byte) or ``deleted``."""

    kind: str
    path: str
    old: Weight | None
    new: Weight | None
    old_path: str | None = None

    @property
    def lost(self) -> str | None:
        """The path whose recorded weights are no longer there, or None for a new file."""
        return None if self.kind == "new" else self.old_path or self.path


@dataclass(frozen=True, slots=True)
class TensorChange:
    """A tensor that is only in one of two files, or not the same in both."""

    name: str
    old: Tensor | None
    new: Tensor | None


def changes(old: Weights, new: Weights) -> list[Change]:
    """From ``old`` to ``new``, by path."""
    gone = {path: old[path] for path in sorted(old) if path not in new}
    by_content: dict[str, list[str]] = {}
    for path, weight in gone.items():
        by_content.setdefault(weight.sha256, []).append(path)
    found = []
    for path, weight in new.items():
        before = old.get(path)
        if before is None and by_content.get(weight.sha256):
            source = by_content[weight.sha256].pop(0)
            found.append(Change("renamed", path, gone.pop(source), weight, source))
        elif before is None:
            found.append(Change("new", path, None, weight))
        elif before != weight:
            found.append(Change("changed", path, before, weight))
    found += [Change("deleted", path, weight, None) for path, weight in gone.items()]
    return sorted(found, key=lambda change: change.path)


def tensor_changes(change: Change) -> Iterator[TensorChange]:
    """The tensors that a file's change touches, by name; none for files taken as plain bytes."""
    old = change.old.tensors if change.old else {}
    new = change.new.tensors if change.new else {}
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield TensorChange(name, old.get(name), new.get(name))
