"""A difference with all that a page about it shows, as values: no wording, no HTML.

Owns the choice of what is worth computing: portraits of all tensors that have numbers, spectra of those
matrices that changed most. It must not know where a side keeps its bytes, nor how a report is shown.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING

from mvc.diff.changes import (
    Difference,
    FileChange,
    ModelChange,
    Progress,
    TensorChange,
    TensorStatus,
    TensorVersion,
)
from mvc.diff.files import is_model
from mvc.diff.grid import Grid, combined, grid
from mvc.diff.keys import KeyChanges, key_changes
from mvc.diff.renames import Gist, gist
from mvc.history.manifest import BYTES, Entry
from mvc.history.side import Side
from mvc.limits import MIB
from mvc.values import dataclass

if TYPE_CHECKING:
    from mvc.diff.portraits import Portrait
    from mvc.diff.scratch import Scratch
    from mvc.diff.spectrum import Spectrum
    from mvc.diff.spreading import Meter

#: Matrices whose spectrum is computed unless all are asked for.
SPECTRA = 24
#: The longest JSON document that is compared by key; a tokenizer of 250,000 tokens has 17 MiB.
_DOCUMENT = 64 * MIB


@dataclass(frozen=True, slots=True)
class ModelReport:
    """``order`` has the indexes of the changes, those of most change first.

    ``counts`` has how many tensors have each status, ``cast`` how many of the changed hold the old values in
    another dtype. ``relative_l2`` is over all that were measured. ``portraits`` and ``spectra`` are by index.
    """

    change: ModelChange
    gist: Gist
    grid: Grid
    order: tuple[int, ...]
    counts: Mapping[TensorStatus, int]
    cast: int
    relative_l2: float | None
    portraits: Mapping[int, Portrait] = field(default_factory=dict)
    spectra: Mapping[int, Spectrum] = field(default_factory=dict)

    @property
    def unchanged(self) -> int:
        """Tensors of the new side that are in no change."""
        return self.change.new_tensors - sum(
            count for status, count in self.counts.items() if status != "removed"
        )


@dataclass(frozen=True, slots=True)
class Document:
    """A JSON file, and what changed in it by key."""

    path: str
    keys: KeyChanges


@dataclass(frozen=True, slots=True)
class Report:
    """``models`` are those of ``difference``, in its order; ``documents`` by path."""

    difference: Difference
    models: tuple[ModelReport, ...]
    documents: tuple[Document, ...]


def report(
    old: Side,
    new: Side,
    difference: Difference,
    *,
    portraits: bool = True,
    spectra: int | None = SPECTRA,
    progress: Progress | None = None,
) -> Report:
    """The report of a ``difference`` of two sides that was made with numbers.

    ``portraits`` reads each measured tensor once more; ``spectra`` is of how many matrices of each model the
    singular values are computed (None: of all), which reads those again.

    Raises:
        MvcError: a file or a tensor can't be read.
    """
    found = []
    for model in difference.models:
        seen = _Seen(old, new, model.tensors, progress)
        order = tuple(sorted(range(len(model.tensors)), key=lambda n: _rank(model.tensors[n])))
        flat = [n for n in order if _is_matrix(model.tensors[n])]
        found.append(
            ModelReport(
                change=model,
                gist=gist(model.tensors),
                grid=grid(_names(new, model), model.tensors),
                order=order,
                counts=_counts(model.tensors),
                cast=sum(one.recast is not None for one in model.tensors),
                relative_l2=combined(model.tensors),
                portraits=seen.portraits() if portraits else {},
                spectra=seen.spectra(flat[:spectra]),
            )
        )
    return Report(difference, tuple(found), tuple(_documents(old, new, difference)))


class _Seen:
    """The changes of one model, to be read again."""

    def __init__(
        self, old: Side, new: Side, changes: Sequence[TensorChange], progress: Progress | None
    ) -> None:
        self._old, self._new, self._changes, self._progress = old, new, changes, progress

    def portraits(self) -> dict[int, Portrait]:
        from mvc.diff.portraits import portray
        from mvc.diff.spreading import Meter, spread

        meter = Meter()

        def run(number: int, scratch: Scratch) -> Portrait:
            before, after = self._versions(number)
            dtypes = (before.entry.dtype, after.entry.dtype)
            return portray(dtypes, *self._pieces(number, meter), scratch)

        measured = [n for n, change in enumerate(self._changes) if change.stats is not None]
        return spread(run, self._sizes(measured), meter, "portraying", self._progress)

    def spectra(self, numbers: Sequence[int]) -> dict[int, Spectrum]:
        if not numbers:
            return {}
        from mvc.diff.spectrum import spectrum
        from mvc.diff.spreading import Meter, spread

        meter = Meter()

        def run(number: int, scratch: Scratch) -> Spectrum | None:
            before, after = self._versions(number)
            stats = self._changes[number].stats
            return spectrum(
                (before.entry.dtype, after.entry.dtype),
                (before.entry.shape[0], before.entry.shape[1]),
                partial(self._pieces, number, meter),
                (stats and stats.max_abs) or 0.0,
                scratch,
            )

        found = spread(run, self._sizes(numbers), meter, "singular values", self._progress)
        return {number: one for number, one in found.items() if one is not None}

    def _sizes(self, numbers: Iterable[int]) -> dict[int, int]:
        versions = {number: self._versions(number) for number in numbers}
        return {n: (old.size or 0) + (new.size or 0) for n, (old, new) in versions.items()}

    def _pieces(
        self, number: int, meter: Meter
    ) -> tuple[Iterator[memoryview], Iterator[memoryview]]:
        from mvc.diff.measuring import pieces

        return pieces(self._old, self._new, self._changes[number], meter)

    def _versions(self, number: int) -> tuple[TensorVersion, TensorVersion]:
        change = self._changes[number]
        assert change.old is not None and change.new is not None
        return change.old, change.new


def _rank(change: TensorChange) -> tuple[int, float, str]:
    """Sorts what changed most first, then what has no numbers, then what only has another name or place."""
    quiet = change.status in ("renamed", "moved")
    cast = change.recast is not None
    relative = None if change.stats is None else change.stats.relative_l2
    if change.stats is not None and relative is None:
        return (0, -math.inf, change.name)  # from zero to something
    if relative is None:
        return (3 if quiet else 1, 0.0, change.name)
    return (2 if cast else 0, -relative, change.name)


def _is_matrix(change: TensorChange) -> bool:
    stats = change.stats
    if stats is None or change.recast is not None or change.old is None or not stats.max_abs:
        return False
    return len(change.old.entry.shape) == 2 and change.old.entry.dtype != "C64"


def _counts(changes: Sequence[TensorChange]) -> dict[TensorStatus, int]:
    found: dict[TensorStatus, int] = {}
    for change in changes:
        found[change.status] = found.get(change.status, 0) + 1
    return found


def _names(side: Side, model: ModelChange) -> list[str]:
    """Names of all tensors of a model on one side, undecided ones too."""
    names: list[str] = []
    for path in model.files:
        manifest = side.manifest(path) if path in side.files else None
        if manifest is not None and is_model(manifest):
            names += (entry.name for entry in manifest.tensors)
            names += (conflict.name for conflict in manifest.conflicts)
    return names


def _documents(old: Side, new: Side, difference: Difference) -> list[Document]:
    found = []
    for change in difference.files:
        if change.status == "modified" and change.path.lower().endswith(".json"):
            assert change.old is not None and change.new is not None
            if max(change.old.size, change.new.size) <= _DOCUMENT:
                keys = key_changes(_content(old, change, False), _content(new, change, True))
                if keys is not None:
                    found.append(Document(change.path, keys))
    return found


def _content(side: Side, change: FileChange, is_new: bool) -> bytes:
    """A file's bytes, be it kept as text or not; nothing where it can't be had, which is no JSON."""
    version = change.new if is_new else change.old
    assert version is not None
    if version.kind == "text":
        return side.text(version.path)
    manifest = side.manifest(version.path)
    if manifest is None or manifest.format != BYTES or manifest.content is None:
        return b""
    entry = Entry(version.path, "U8", (manifest.size,), manifest.content)
    return b"".join(map(bytes, side.chunks(version.path, entry)))
