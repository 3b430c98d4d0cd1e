"""Comparing files and folders that need no repository, as ``git diff --no-index`` does.

Owns what is compared with what: two files with each other, two folders by the paths in them, a file with the
model of a folder. Holds no algorithm; they are in ``diff/``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mvc.diff.report import SPECTRA
from mvc.errors import UsageError
from mvc.formats.sharded import ModelFiles, models
from mvc.limits import SAFETENSORS_HEADER
from mvc.store.fs import explained
from mvc.values import dataclass
from mvc.worktree.files_side import FilesSide, below
from mvc.worktree.place import git_mode
from mvc.worktree.sameness import same_bytes

if TYPE_CHECKING:
    from mvc.diff.changes import Difference, FileStatus, Progress
    from mvc.diff.report import Report


@dataclass(frozen=True, slots=True)
class Pair:
    """Two sides, and what is needed to speak of them.

    ``same`` maps models of the old side to those of the new one that they are compared with in spite of
    their names; ``old_names`` and ``new_names`` say how a path of each side is shown.
    """

    old: FilesSide
    new: FilesSide
    same: Mapping[str, str]
    old_names: Mapping[str, str]
    new_names: Mapping[str, str]


def compare(
    old: str,
    new: str,
    *,
    tensors: Sequence[str] = (),
    numeric: bool | int = True,
    progress: Progress | None = None,
) -> Difference:
    """What changed from the file or folder ``old`` to ``new``.

    Raises:
        UsageError: one of them is not there, or a folder has not just one model to compare a file with.
        FormatError: a file that was named is refused by its format.
        MvcError: a file can't be read, or changes meanwhile.
    """
    from mvc.diff.models import compare_sides
    from mvc.diff.relabelling import relabelled

    pair = paired(old, new, progress)
    found = compare_sides(
        pair.old,
        pair.new,
        same=pair.same,
        tensors=tensors,
        numeric=numeric,
        progress=progress,
    )
    return relabelled(found, pair.old_names, pair.new_names)


def names(old: str, new: str) -> list[tuple[FileStatus, str, str]]:
    """Which files differ, with the path on each side (of an added or deleted one, the one that there is):
    no file is read further than to its first difference.

    Raises:
        UsageError, MvcError: as ``compare``.
    """
    pair = paired(old, new)
    before, after = dict(pair.old_names), dict(pair.new_names)
    found: list[tuple[FileStatus, str, str]] = []
    for path in sorted(before.keys() & after.keys()):
        one, other = before.pop(path), after.pop(path)
        if not same_bytes(one, other):
            found.append(("modified", one, other))
        elif git_mode(os.stat(one)) != git_mode(os.stat(other)):
            found.append(("mode", one, other))
    for path in sorted(after):
        size = os.stat(after[path]).st_size
        alike = [gone for gone in sorted(before) if os.stat(before[gone]).st_size == size]
        alike.sort(key=lambda gone: os.path.basename(gone) != os.path.basename(path))
        source = next((gone for gone in alike if same_bytes(before[gone], after[path])), None)
        if source is not None:
            found.append(("renamed", before.pop(source), after.pop(path)))
    found += (("deleted", place, place) for place in before.values())
    found += (("added", place, place) for place in after.values())
    return sorted(found, key=lambda one: one[2])


def report(
    old: str,
    new: str,
    *,
    tensors: Sequence[str] = (),
    portraits: bool = True,
    spectra: int | None = SPECTRA,
    progress: Progress | None = None,
) -> Report:
    """What changed, with all that a page shows (``mvc.diff.report``).

    Raises:
        As ``compare``.
    """
    from mvc.diff.models import compare_sides
    from mvc.diff.relabelling import relabelled_report
    from mvc.diff.report import report

    pair = paired(old, new, progress)
    found = compare_sides(pair.old, pair.new, same=pair.same, tensors=tensors, progress=progress)
    complete = report(
        pair.old, pair.new, found, portraits=portraits, spectra=spectra, progress=progress
    )
    return relabelled_report(complete, pair.old_names, pair.new_names)


def paired(old: str, new: str, progress: Progress | None = None) -> Pair:
    """The two sides that ``old`` and ``new`` mean.

    Raises:
        UsageError: as ``compare``.
    """
    for path in (old, new):
        if not os.path.exists(path):
            raise UsageError(f"could not access '{path}': there is no such file or folder")
        if not (os.path.isfile(path) or os.path.isdir(path)):
            raise UsageError(f"'{path}' is neither a file nor a folder")
    folders = [os.path.isdir(path) for path in (old, new)]
    if folders == [False, False]:
        # One key for both: it is one file that changed.
        left, right = (FilesSide({new: path}, progress) for path in (old, new))
        return Pair(left, right, {}, {new: old}, {new: new})
    if folders == [True, True]:
        return _folders(old, new, progress)
    return _file_and_folder(old, new, folders[0], progress)


def _folders(old: str, new: str, progress: Progress | None) -> Pair:
    old_places, new_places = below(old), below(new)
    left = FilesSide(old_places, progress, lenient=True)
    right = FilesSide(new_places, progress, lenient=True)
    before, after = ([model.name for model in _models(p)] for p in (old_places, new_places))
    # Whatever its file is called, the only model of a folder is the one to compare.
    single = len(before) == len(after) == 1
    same = {before[0]: after[0]} if single else {}
    return Pair(left, right, same, old_places, new_places)


def _file_and_folder(old: str, new: str, folder_first: bool, progress: Progress | None) -> Pair:
    folder, file = (old, new) if folder_first else (new, old)
    name = os.path.basename(file)
    beside = os.path.join(folder, name)
    if os.path.isfile(beside):
        ends = (beside, file) if folder_first else (file, beside)
        return paired(*ends, progress)
    places = below(folder)
    found = _models(places)
    if len(found) != 1:
        names = ", ".join(repr(model.name) for model in found[:3])
        raise UsageError(
            f"can't tell what in '{folder}' to compare with '{file}': there "
            + (f"are {len(found)} models ({names} …)" if found else "is no model"),
            hint="name a file of the folder",
        )
    (model,) = found
    kept = {path: places[path] for path in (*model.files, *filter(None, [model.index]))}
    alone = {name: file}
    whole, part = FilesSide(kept, progress), FilesSide(alone, progress)
    if folder_first:
        return Pair(whole, part, {model.name: name}, kept, alone)
    return Pair(part, whole, {name: model.name}, alone, kept)


def _models(places: Mapping[str, str]) -> list[ModelFiles]:
    def content(path: str) -> bytes:
        with explained("read", places[path]), open(places[path], "rb") as file:
            return file.read(SAFETENSORS_HEADER)

    return models(places, content)
