"""Which tensors of a model differ between two sides, by the ids in its manifests; no tensor is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from mvc.diff.changes import MetadataChange, TensorChange, TensorVersion
from mvc.diff.renames import unmatched
from mvc.history.manifest import Conflict, Entry, Manifest

#: Files of one model, of one side.
Parts: TypeAlias = Sequence[tuple[str, Manifest]]
#: A tensor's name; with its path where an earlier file of the model has one of that name.
_Key: TypeAlias = str | tuple[str, str]
_Place: TypeAlias = tuple[str, Entry]


def tensor_changes(old: Parts, new: Parts, renamed: Mapping[str, str]) -> list[TensorChange]:
    """The tensors that differ between the files of a model, sorted by name.

    ``renamed`` maps old paths to new ones: a tensor of a renamed file has not moved.
    """
    before, after = _places(old), _places(new)
    changes = list(_conflicts(_undecided(old), _undecided(new), before, after))
    gone: list[_Place] = []
    for key, (path, entry) in before.items():
        found = after.pop(key, None)
        if found is None:
            gone.append((path, entry))
            continue
        new_path, new_entry = found
        same = entry == new_entry or entry.value == new_entry.value  # most are, as a whole
        if same and renamed.get(path, path) == new_path:
            continue
        changes.append(
            TensorChange(
                "moved" if same else "changed",
                TensorVersion(path, entry),
                TensorVersion(new_path, new_entry),
            )
        )
    changes += unmatched(gone, list(after.values()))
    return sorted(changes, key=lambda change: change.name)


def other_content(old: Manifest, new: Manifest, rest_differs: Callable[[], bool]) -> bool:
    """Whether more differs between two versions of a file than its tensors account for.

    A header has to change when a tensor is added, removed, or gets another dtype or shape; then what else
    changed in it can't be told. ``rest_differs`` reads both files' rest, and is asked last.
    """
    if old.format != new.format or _unnamed(old) != _unnamed(new):
        return True
    if old.skeleton == new.skeleton or _arrangement(old) != _arrangement(new):
        return False
    return rest_differs()


def metadata_changes(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[MetadataChange, ...]:
    """The keys that differ, sorted."""
    return tuple(
        MetadataChange(key, old.get(key), new.get(key))
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key)
    )


def _places(parts: Parts) -> dict[_Key, _Place]:
    places: dict[_Key, _Place] = {}
    for path, manifest in parts:
        for entry in manifest.tensors:
            key: _Key = entry.name if entry.name not in places else (entry.name, path)
            places[key] = (path, entry)
    return places


def _undecided(parts: Parts) -> dict[str, Conflict]:
    return {conflict.name: conflict for _, manifest in parts for conflict in manifest.conflicts}


def _conflicts(
    old: dict[str, Conflict],
    new: dict[str, Conflict],
    before: dict[_Key, _Place],
    after: dict[_Key, _Place],
) -> Iterable[TensorChange]:
    """Tensors that are undecided on a side; they are taken out of ``before`` and ``after``."""
    for name in {*old, *new}:
        was, is_ = before.pop(name, None), after.pop(name, None)
        if old.get(name) != new.get(name):
            terms = new.get(name) or old.get(name)
            yield TensorChange("conflict", _version(was), _version(is_), conflict=terms)


def _version(place: _Place | None) -> TensorVersion | None:
    return None if place is None else TensorVersion(*place)


def _unnamed(manifest: Manifest) -> set[tuple[str, str]]:
    """Storages that no tensor lies in."""
    named = {entry.storage for entry in manifest.tensors}
    return {(s.key, s.id) for s in manifest.storages if s.key not in named}


def _arrangement(manifest: Manifest) -> list[tuple[object, ...]]:
    return [(e.name, e.dtype, e.shape, e.storage, e.offset, e.strides) for e in manifest.tensors]
