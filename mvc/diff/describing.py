"""What is in a model: its tensors, and the numbers of each. One side alone, where ``models.py`` has two.

It reads the tensors that are asked for, once, and must not know where a side keeps its bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from mvc.diff.changes import Progress, TensorVersion
from mvc.dtypes import DTYPES
from mvc.errors import UsageError
from mvc.formats.sharded import models
from mvc.history.side import Side
from mvc.values import dataclass

if TYPE_CHECKING:
    from mvc.diff.summing import TensorSummary


@dataclass(frozen=True, slots=True)
class Described:
    """A tensor, the file it lies in, and its numbers, where they were asked for and there are any.

    Of an ``undecided`` one they are ours, as the file has them.
    """

    path: str
    name: str
    dtype: str
    shape: tuple[int, ...]
    id: str
    summary: TensorSummary | None = None
    undecided: bool = False


def chosen(side: Side, path: str, globs: Sequence[str]) -> list[TensorVersion]:
    """The tensors of the file or sharded model ``path`` that match one of ``globs`` (none: all), by name.

    A glob that is the whole name of a tensor means just it, brackets and all.

    Raises:
        UsageError: there is no such file, or a glob matches no tensor of it.
    """
    every = [
        TensorVersion(file, entry)
        for file in _files(side, path)
        if (manifest := side.manifest(file)) is not None
        for entry in manifest.written
    ]
    names = {version.entry.name for version in every}
    for glob in globs:
        if glob not in names and not any(fnmatchcase(name, glob) for name in names):
            raise _no_match(path, glob, names)
    exact = names.intersection(globs)
    patterns = [glob for glob in globs if glob not in exact]
    kept = [
        version
        for version in every
        if not globs
        or version.entry.name in exact
        or any(fnmatchcase(version.entry.name, glob) for glob in patterns)
    ]
    return sorted(kept, key=lambda version: version.entry.name)


def describe(
    side: Side,
    path: str,
    globs: Sequence[str] = (),
    *,
    numeric: bool = True,
    progress: Progress | None = None,
) -> list[Described]:
    """The tensors that ``chosen`` gives; with ``numeric`` they are read.

    Raises:
        UsageError: as ``chosen``.
        MvcError: a tensor can't be read.
    """
    tensors = chosen(side, path, globs)
    found = _summaries(side, tensors, progress) if numeric else {}
    files = {v.path: side.manifest(v.path) for v in tensors}
    open_ = {(path, c.name) for path, m in files.items() if m is not None for c in m.conflicts}
    return [
        Described(
            v.path,
            v.entry.name,
            v.entry.dtype,
            v.entry.shape,
            v.entry.id,
            found.get(number),
            (v.path, v.entry.name) in open_,
        )
        for number, v in enumerate(tensors)
    ]


def _summaries(
    side: Side, tensors: Sequence[TensorVersion], progress: Progress | None
) -> dict[int, TensorSummary]:
    # They bring NumPy, which a list of tensors can do without.
    from mvc.diff.scratch import Scratch
    from mvc.diff.spreading import READ, Meter, spread
    from mvc.diff.summing import summarize

    meter = Meter()

    def run(number: int, scratch: Scratch) -> TensorSummary:
        version = tensors[number]
        pieces = meter.count(side.chunks(version.path, version.entry, READ))
        return summarize(version.entry.dtype, pieces, scratch)

    sizes = {n: v.size or 0 for n, v in enumerate(tensors) if v.entry.dtype in DTYPES}
    return spread(run, sizes, meter, "reading", progress)


def _files(side: Side, path: str) -> Sequence[str]:
    if path in side.files:
        return [path]
    for model in models(side.files, side.text):
        if model.name == path:
            return model.files
    close = get_close_matches(path, side.files, n=1)
    raise UsageError(
        f"path '{path}' is not tracked there",
        hint=f"did you mean '{close[0]}'? mvc ls lists what is"
        if close
        else "mvc ls lists what is",
    )


def _no_match(path: str, glob: str, names: set[str]) -> UsageError:
    if not names:
        return UsageError(f"{path} has no tensors", hint=f"mvc cat {path} prints the file")
    close = get_close_matches(glob, names, n=1)
    return UsageError(
        f"no tensor of {path} matches '{glob}'",
        hint=f"did you mean '{close[0]}'?" if close else f"mvc cat {path} lists them",
    )
