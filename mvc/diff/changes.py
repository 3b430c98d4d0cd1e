"""What changed between two sides, as values: files, models, tensors. No reading, no comparing, no wording.

A difference lists files by path and models by name. A sharded model is one ``ModelChange`` over several
``FileChange``s, so that a tensor that went to another shard is seen to have moved, not changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, TypeAlias

from mvc.diff.stats import Cast, TensorStats
from mvc.diff.text import TextDiff
from mvc.dtypes import nbytes
from mvc.history.manifest import Conflict, Entry
from mvc.ids import BlobId
from mvc.values import dataclass

FileStatus: TypeAlias = Literal["added", "deleted", "modified", "mode", "renamed"]
FileKind: TypeAlias = Literal["model", "text", "bytes"]
#: Called with (what, bytes done, bytes in all), in the thread that called.
Progress: TypeAlias = Callable[[str, int, int], None]
TensorStatus: TypeAlias = Literal[
    "added", "removed", "changed", "renamed", "moved", "transposed", "conflict"
]


@dataclass(frozen=True, slots=True)
class FileVersion:
    """A file as one side has it. ``size`` is in bytes; ``kind`` says what its content is taken for."""

    path: str
    mode: int
    blob: BlobId
    size: int
    kind: FileKind


@dataclass(frozen=True, slots=True)
class MetadataChange:
    """A key of a file's own key-values (safetensors' ``__metadata__``); None where a side lacks it."""

    key: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file of which path, mode or content differs; ``old`` is None for an added one, ``new`` for a
    deleted one.

    ``mode``: nothing but the mode differs. ``renamed``: the content is the same, bit for bit.
    ``text`` is set where both sides are text (or not there). ``model`` names the ``ModelChange`` that the
    file belongs to. ``other_content``: beside the tensors something else in the file changed, such as a
    header's metadata or a pickled structure, that the tensors' changes don't account for. ``metadata``: what
    changed in its key-values, sorted by key.
    """

    status: FileStatus
    old: FileVersion | None
    new: FileVersion | None
    text: TextDiff | None = None
    model: str | None = None
    other_content: bool = False
    metadata: tuple[MetadataChange, ...] = ()

    @property
    def path(self) -> str:
        """Its path: the new one, unless it was deleted."""
        version = self.new or self.old
        assert version is not None
        return version.path

    @property
    def kind(self) -> FileKind:
        """``text`` or ``model`` if both sides are that (or not there), else ``bytes``."""
        kinds = {version.kind for version in (self.old, self.new) if version is not None}
        return kinds.pop() if len(kinds) == 1 else "bytes"


@dataclass(frozen=True, slots=True)
class TensorVersion:
    """A tensor as one side has it: the file it lies in, and the manifest's line."""

    path: str
    entry: Entry

    @property
    def size(self) -> int | None:
        """Bytes, row-major; None where mvc can't tell: a dtype that it doesn't know, half a byte."""
        try:
            return nbytes(self.entry.dtype, self.entry.shape)
        except (KeyError, ValueError):
            return None


@dataclass(frozen=True, slots=True)
class TensorChange:
    """A tensor that differs. ``old`` is None for an added one, ``new`` for a removed one.

    ``changed``: dtype, shape or bytes differ; so may the name, where all names changed by one rule.
    ``renamed``: all these are equal, the name is not. ``transposed``: the bytes are those of the old matrix
    turned about its diagonal; the name may differ.
    ``moved``: the same tensor under its name in another file of the model; not a change of the model.
    ``conflict``: undecided on one of the sides; ``conflict`` has the terms.

    ``stats`` is set for changed tensors of equal shape when numbers were asked for, and both dtypes have
    any; where the dtypes differ it compares values (no ULP difference). Of a matrix that only grew by rows,
    as a vocabulary does, it compares the rows that there were.
    """

    status: TensorStatus
    old: TensorVersion | None
    new: TensorVersion | None
    stats: TensorStats | None = None
    conflict: Conflict | None = None

    @property
    def name(self) -> str:
        """Its name: the new one, unless it was removed."""
        version = self.new or self.old
        if version is not None:
            return version.entry.name
        assert self.conflict is not None
        return self.conflict.name

    @property
    def name_changed(self) -> bool:
        """Both sides have the tensor, under different names."""
        return bool(self.old and self.new and self.old.entry.name != self.new.entry.name)

    @property
    def dtype_changed(self) -> bool:
        """Both sides have the tensor, with different dtypes."""
        return bool(self.old and self.new and self.old.entry.dtype != self.new.entry.dtype)

    @property
    def shape_changed(self) -> bool:
        """Both sides have the tensor, with different shapes."""
        return bool(self.old and self.new and self.old.entry.shape != self.new.entry.shape)

    @property
    def compared_shape(self) -> tuple[int, ...] | None:
        """The shape of what of both sides can be compared element by element; None where nothing can."""
        if not (self.old and self.new):
            return None
        before, after = self.old.entry.shape, self.new.entry.shape
        if before == after:
            return before
        grown = len(before) == len(after) == 2 and before[1] == after[1]
        return before if grown and 0 < before[0] < after[0] else None

    @property
    def recast(self) -> Cast | None:
        """How a change of nothing but the dtype came about; None of every other change."""
        return None if self.stats is None or self.shape_changed else self.stats.cast

    @property
    def same_bytes(self) -> bool:
        """A changed tensor of the same bytes: it was reshaped, or its bytes got another dtype."""
        return bool(self.old and self.new and self.old.entry.id == self.new.entry.id)


@dataclass(frozen=True, slots=True)
class ModelChange:
    """A model of which a file changed. ``tensors`` are sorted by name, the unchanged left out.

    ``files`` are the paths of both sides; ``old_tensors`` and ``new_tensors`` count all tensors of a side,
    undecided ones included (0: the side does not have the model). ``other_content``: as in
    ``FileChange``, of any file.
    """

    name: str
    files: tuple[str, ...]
    old_tensors: int
    new_tensors: int
    tensors: tuple[TensorChange, ...]
    other_content: bool = False

    def count(self, *statuses: TensorStatus) -> int:
        """How many tensors have one of ``statuses``."""
        return sum(tensor.status in statuses for tensor in self.tensors)


@dataclass(frozen=True, slots=True)
class Difference:
    """Everything that differs: ``files`` sorted by path, ``models`` by name. False when nothing does."""

    files: tuple[FileChange, ...] = ()
    models: tuple[ModelChange, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.files)

    def in_order(self) -> Iterator[ModelChange | FileChange]:
        """Models, and files that belong to none, by name: the order to show them in."""
        alone = [file for file in self.files if file.model is None]
        everything: list[ModelChange | FileChange] = [*self.models, *alone]
        yield from sorted(
            everything, key=lambda c: c.name if isinstance(c, ModelChange) else c.path
        )
