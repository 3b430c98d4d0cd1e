"""What changed between two sides: files, and in models the tensors, with numbers.

It asks for as little as will do: files of equal blob ids are not opened, tensors of equal ids not read. It
must not know where a side keeps its bytes, nor how a difference is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from mvc import formats
from mvc.diff.changes import (
    Difference,
    FileChange,
    MetadataChange,
    ModelChange,
    Progress,
    TensorChange,
)
from mvc.diff.files import differing, file_changes, is_model
from mvc.diff.renames import gist
from mvc.diff.tensors import Parts, metadata_changes, other_content, tensor_changes
from mvc.errors import LimitExceeded
from mvc.formats.sharded import models
from mvc.history.log import matches
from mvc.history.manifest import Entry, is_manifest
from mvc.history.side import Side
from mvc.limits import SAFETENSORS_HEADER
from mvc.uncollected import uncollected

__all__ = ["Difference", "FileChange", "ModelChange", "Progress", "TensorChange", "compare_sides"]


def compare_sides(
    old: Side,
    new: Side,
    *,
    paths: Sequence[str] = (),
    tensors: Sequence[str] = (),
    numeric: bool | int = True,
    same: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Difference:
    """Everything that differs between ``old`` and ``new``.

    ``paths`` limits it to files, folders and globs, as Git's pathspecs do; the name of a sharded model
    stands for all its files. ``tensors`` limits it to tensors whose name matches one of the globs, and
    leaves out files that are no models. Without ``numeric`` no tensor is read, so that none is known to be
    transposed; where it is a number, the first so many changes of each model are, after those that a gist
    tells. ``same`` maps models of the old side to models of the new one that they are compared with in
    spite of their names.

    Raises:
        MvcError: a file or a tensor of a side can't be read.
    """
    with uncollected():  # two files of 100,000 tensors: 1.1 s instead of 1.7 s
        files, models = _without_numbers(old, new, paths, tensors, same or {})
    if numeric and any(model.tensors for model in models):
        rows = None if numeric is True else numeric
        models = _with_numbers(old, new, models, rows, progress)
    return Difference(tuple(files), tuple(models))


def _without_numbers(
    old: Side,
    new: Side,
    paths: Sequence[str],
    tensors: Sequence[str],
    same: Mapping[str, str],
) -> tuple[list[FileChange], list[ModelChange]]:
    changed = differing(old, new)
    if not changed:
        return [], []
    groups = _Groups(old, new, same)
    wanted = [path for path in changed if not paths or groups.selected(path, paths)]
    files = file_changes(old, new, wanted)
    groups.follow(files)
    files = [_assigned(old, new, groups, change) for change in files]
    found = []
    for name in sorted({change.model for change in files if change.model is not None}):
        model = _model_change(old, new, groups, name, changed)
        kept = [
            tensor
            for tensor in model.tensors
            if (not paths or not _homes(tensor).isdisjoint(wanted))
            and (not tensors or _named(tensor, tensors))
        ]
        if kept or not tensors:
            other = any(change.other_content for change in files if change.model == name)
            found.append(replace(model, tensors=tuple(kept), other_content=other))
    if tensors:
        names = {model.name for model in found}
        files = [change for change in files if change.model in names]
    return files, found


class _Groups:
    """Which model each weight file of either side belongs to, and which old file is which new one."""

    def __init__(self, old: Side, new: Side, same: Mapping[str, str]) -> None:
        self.old, self.new = _grouped(old), _grouped(new)
        for path in old.files if same else ():
            name = self.old.get(path, path)
            if name in same:
                self.old[path] = same[name]
        self.renamed: dict[str, str] = {}

    def selected(self, path: str, patterns: Sequence[str]) -> bool:
        """Whether ``patterns`` name the file, or the sharded model that it is part of."""
        names = {path, self.old.get(path, path), self.new.get(path, path)}
        return any(matches(name, patterns) for name in names)

    def follow(self, files: Iterable[FileChange]) -> None:
        """Let a model that was renamed as a whole go by its new name on the old side too."""
        for change in files:
            if change.status == "renamed" and change.old and change.new:
                self.renamed[change.old.path] = change.new.path
                was = self.old.get(change.old.path, change.old.path)
                is_ = self.new.get(change.new.path, change.new.path)
                if was not in self.new.values() and is_ not in self.old.values():
                    members = [path for path, name in self.old.items() if name == was]
                    self.old.update(dict.fromkeys([change.old.path, *members], is_))


def _grouped(side: Side) -> dict[str, str]:
    """The model's name for each weight file; a file that is not in it is a model by itself."""
    found = models(side.files, lambda path: _content(side, path))
    return {path: model.name for model in found for path in model.files}


def _content(side: Side, path: str) -> bytes:
    """An index; one of a large model is too long for a text file, and lies in the store."""
    data = side.text(path)
    manifest = side.manifest(path) if is_manifest(data) else None
    if manifest is None or manifest.content is None:
        return data
    if manifest.size > SAFETENSORS_HEADER:
        raise LimitExceeded(f"the index {path} is {manifest.size} bytes long")
    entry = Entry(path, "U8", (manifest.size,), manifest.content)
    return b"".join(map(bytes, side.chunks(path, entry)))


def _assigned(old: Side, new: Side, groups: _Groups, change: FileChange) -> FileChange:
    """``change`` with its model's name, and whether its header changed."""
    model = None
    before = change.old if change.old and change.old.kind == "model" else None
    after = change.new if change.new and change.new.kind == "model" else None
    if before:
        model = groups.old.get(before.path, before.path)
    if after:
        model = groups.new.get(after.path, after.path)
    other, metadata = False, tuple[MetadataChange, ...]()
    if before and after and change.status == "modified":
        earlier, later = old.manifest(before.path), new.manifest(after.path)
        assert earlier is not None and later is not None
        other = other_content(earlier, later, lambda: old.rest(before.path) != new.rest(after.path))
        if earlier.skeleton != later.skeleton and earlier.format == later.format:
            metadata = metadata_changes(
                formats.metadata(earlier.format, old.rest(before.path)),
                formats.metadata(later.format, new.rest(after.path)),
            )
    return replace(change, model=model, other_content=other, metadata=metadata)


def _model_change(
    old: Side, new: Side, groups: _Groups, name: str, changed: Sequence[str]
) -> ModelChange:
    """All tensors that differ. Files that are equal on both sides are only counted."""
    before, after = _parts(old, groups.old, name), _parts(new, groups.new, name)
    differing = frozenset(changed)
    return ModelChange(
        name=name,
        files=tuple(sorted({path for path, _ in (*before, *after)})),
        old_tensors=_count(before),
        new_tensors=_count(after),
        tensors=tuple(
            tensor_changes(
                [part for part in before if part[0] in differing],
                [part for part in after if part[0] in differing],
                groups.renamed,
            )
        ),
    )


def _parts(side: Side, group: Mapping[str, str], name: str) -> Parts:
    members = [path for path in side.files if group.get(path, path) == name]
    manifests = [(path, side.manifest(path)) for path in sorted(members)]
    return [(path, m) for path, m in manifests if m is not None and is_model(m)]


def _count(parts: Parts) -> int:
    return sum(len(manifest.tensors) + len(manifest.conflicts) for _, manifest in parts)


def _homes(tensor: TensorChange) -> set[str]:
    return {version.path for version in (tensor.old, tensor.new) if version is not None}


def _named(tensor: TensorChange, globs: Sequence[str]) -> bool:
    names = {version.entry.name for version in (tensor.old, tensor.new) if version is not None}
    return any(fnmatchcase(name, glob) for name in {*names, tensor.name} for glob in globs)


def _with_numbers(
    old: Side, new: Side, found: list[ModelChange], rows: int | None, progress: Progress | None
) -> list[ModelChange]:
    """All models' tensors are measured in one go, for the sake of the threads."""
    # It brings NumPy, which `commit` and `log --stat` can do without.
    from mvc.diff.measuring import measured
    from mvc.diff.transposing import transposed

    found = [
        replace(model, tensors=tuple(transposed(old, new, model.tensors, _first(model, rows))))
        for model in found
    ]
    wanted = [_first(model, rows) for model in found]
    asked = [model.tensors[n] for model, rest in zip(found, wanted, strict=True) for n in rest]
    answers = iter(measured(old, new, asked, progress))
    complete = []
    for model, rest in zip(found, wanted, strict=True):
        tensors = list(model.tensors)
        for number in rest:
            tensors[number] = next(answers)
        complete.append(replace(model, tensors=tuple(tensors)))
    return complete


def _first(model: ModelChange, rows: int | None) -> tuple[int, ...]:
    return gist(model.tensors).rest[:rows]
