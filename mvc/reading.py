"""Verbs that look into what is tracked: files, tensors and their names, at any commit.

Functions of an open repository, which ``Repository`` binds as methods. Nothing here changes anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mvc.opened import Opened

if TYPE_CHECKING:
    from mvc.arrays import LazyTensors
    from mvc.diff.report import Report
    from mvc.history.snapshot import Snapshot
    from mvc.inspecting import Inspection
    from mvc.searching import Found


def snapshot(repo: Opened, revision: str = "HEAD") -> Snapshot:
    """The tracked files of a commit."""
    from mvc.history import log

    return log.snapshot(repo._context, repo.resolve(revision))


def staged(repo: Opened) -> Snapshot:
    """The files on the stage."""
    from mvc.history.transaction import read_stage

    return read_stage(repo._context)


def inspect(repo: Opened, path: str, revision: str | None = None) -> Inspection:
    """A look into a file or sharded model: of the work tree, the stage (``""``) or a commit."""
    from mvc.inspecting import Inspection

    return Inspection(repo._context, repo._inside([path])[0], revision, repo.progress)


def search(
    repo: Opened,
    pattern: str,
    revision: str | None = None,
    *,
    paths: Sequence[str] = (),
    ignore_case: bool = False,
    invert: bool = False,
) -> Iterator[Found]:
    """Tensors whose name a regular expression matches: of the work tree, the stage or a commit."""
    from mvc.searching import search

    inside = repo._inside(paths)
    return search(
        repo._context, pattern, revision, paths=inside, ignore_case=ignore_case, invert=invert
    )


def load(
    repo: Opened,
    revision: str = "HEAD",
    path: str | None = None,
    *,
    framework: str = "np",
    keep: bool = True,
) -> LazyTensors:
    """The tensors of a commit as a mapping; each is decoded when it is first used, or, unless it is to
    ``keep`` them, whenever it is.

    ``framework`` is ``np`` or ``pt``, as in safetensors. Names are the tensors' own; with several
    models in the commit ``path`` must say which file or sharded model.

    Raises:
        UsageError: ``path`` is needed, or names no model.
    """
    from mvc.history.loading import load

    return load(repo._context, snapshot(repo, revision), path, framework, keep=keep)


def read_file(repo: Opened, path: str, revision: str = "HEAD") -> Iterator[memoryview]:
    """The bytes of a tracked file (``""``: on the stage), in pieces; valid until the next is asked for."""
    from mvc.history.files import chunks

    return chunks(repo._context, snapshot(repo, revision) if revision else staged(repo), path)


def report(
    repo: Opened,
    old: str | None = None,
    new: str | None = None,
    *,
    staged: bool = False,
    paths: Sequence[str] = (),
    tensors: Sequence[str] = (),
    portraits: bool = True,
    spectra: int | None = 24,
) -> Report:
    """``diff`` with all that a page about it shows: histograms, and singular values of ``spectra`` matrices of
    each model (None: of all)."""
    from mvc.sides import report

    return report(
        repo._context,
        old,
        new,
        staged=staged,
        paths=repo._inside(paths),
        tensors=tensors,
        portraits=portraits,
        spectra=spectra,
        progress=repo.progress,
    )
