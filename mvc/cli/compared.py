"""What the words of ``mvc diff`` mean: two sides of a repository, or files that need none."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias

from mvc.cli.app import Session
from mvc.cli.output import quoted
from mvc.cli.revisions import split_revisions
from mvc.diff.changes import Difference, FileStatus, Progress
from mvc.errors import NotARepository, UsageError
from mvc.history.log import matches
from mvc.paths import inside
from mvc.repository import Repository
from mvc.values import dataclass

if TYPE_CHECKING:
    from mvc.diff.report import Report

#: Status, old path, new path.
Named: TypeAlias = "tuple[FileStatus, str, str]"


class Compared(Protocol):
    """Two sides, not yet compared."""

    def difference(self, *, tensors: Sequence[str], numeric: bool | int) -> Difference:
        """What changed, as ``mvc.diff.models.compare_sides``."""
        ...

    def names(self, tensors: Sequence[str]) -> list[Named]:
        """Which files differ: status, old and new path."""
        ...

    def report(self, *, tensors: Sequence[str], portraits: bool, spectra: int | None) -> Report:
        """What changed, with all that a page shows."""
        ...

    def unmerged(self) -> list[str]:
        """Git's lines for what a merge has left undecided."""
        ...

    def titles(self) -> tuple[str, str]:
        """What people call the two sides."""
        ...


@dataclass(frozen=True, slots=True)
class InRepository:
    """Commits, the stage and the work tree."""

    repository: Repository
    revisions: Sequence[str]
    paths: Sequence[str]
    staged: bool

    def difference(self, *, tensors: Sequence[str], numeric: bool | int) -> Difference:
        """What changed, as ``mvc.diff.models.compare_sides``."""
        old, new = [*self.revisions, None, None][:2]
        return self.repository.diff(
            old, new, staged=self.staged, paths=self.paths, tensors=tensors, numeric=numeric
        )

    def names(self, tensors: Sequence[str]) -> list[Named]:
        """Which files differ: status, old and new path."""
        return _named(self.difference(tensors=tensors, numeric=False))

    def report(self, *, tensors: Sequence[str], portraits: bool, spectra: int | None) -> Report:
        """What changed, with all that a page shows."""
        old, new = [*self.revisions, None, None][:2]
        return self.repository.report(
            old,
            new,
            staged=self.staged,
            paths=self.paths,
            tensors=tensors,
            portraits=portraits,
            spectra=spectra,
        )

    def unmerged(self) -> list[str]:
        """Git's lines for what a merge has left undecided."""
        if len(self.revisions) > 1 or self.repository.unfinished() is None:
            return []
        repository = self.repository
        wanted = [inside(repository.root, path, repository.cwd) for path in self.paths] or [""]
        conflicts = [one.path for one in repository.status().conflicts]
        return [f"* Unmerged path {quoted(path)}" for path in conflicts if matches(path, wanted)]

    def titles(self) -> tuple[str, str]:
        """What people call the two sides."""
        if len(self.revisions) == 2:
            return self.revisions[0], self.revisions[1]
        old = self.revisions[0] if self.revisions else ""
        if ".." in old:
            left, _, right = old.replace("...", "..").partition("..")
            return left or "HEAD", right or "HEAD"
        if self.staged:
            return old or "HEAD", "the stage"
        return old or "the stage", "the work tree"


@dataclass(frozen=True, slots=True)
class Outside:
    """Two files or folders."""

    old: str
    new: str
    progress: Progress

    def difference(self, *, tensors: Sequence[str], numeric: bool | int) -> Difference:
        """What changed, as ``mvc.diff.models.compare_sides``."""
        from mvc.outside import compare

        return compare(self.old, self.new, tensors=tensors, numeric=numeric, progress=self.progress)

    def names(self, tensors: Sequence[str]) -> list[Named]:
        """Which files differ: status, old and new path."""
        from mvc.outside import names

        if tensors:  # only manifests tell which
            return _named(self.difference(tensors=tensors, numeric=False))
        return names(self.old, self.new)

    def report(self, *, tensors: Sequence[str], portraits: bool, spectra: int | None) -> Report:
        """What changed, with all that a page shows."""
        from mvc.outside import report

        return report(
            self.old,
            self.new,
            tensors=tensors,
            portraits=portraits,
            spectra=spectra,
            progress=self.progress,
        )

    def unmerged(self) -> list[str]:
        """Nothing: there is no merge."""
        return []

    def titles(self) -> tuple[str, str]:
        """What people call the two sides."""
        return self.old, self.new


def _named(difference: Difference) -> list[Named]:
    return [
        (file.status, file.old.path if file.old else file.path, file.path)
        for file in difference.files
    ]


def compared(
    session: Session, arguments: Sequence[str], *, staged: bool, no_index: bool
) -> Compared:
    """The two sides that are meant.

    Two files or folders need no repository: asked for, or where there is none, or, as in Git, where one of
    them lies outside the work tree.

    Raises:
        UsageError: the words don't say which.
        NotARepository: they would need one.
    """
    words = [word for word in arguments if word != "--"]
    if no_index:
        if len(words) != 2 or staged:
            raise UsageError(
                "diff --no-index takes two files or folders, and nothing of a repository",
                hint="mvc diff --no-index old.safetensors new.safetensors",
            )
        return Outside(words[0], words[1], session.output.progress)
    there = [word for word in words if os.path.exists(word)] if not staged else []
    try:
        repository = session.repository
    except NotARepository:
        if len(words) != 2 or not there:
            raise
        return Outside(words[0], words[1], session.output.progress)
    if len(words) == len(there) == 2 and not all(
        _is_below(repository.root, word) for word in words
    ):
        return Outside(words[0], words[1], session.output.progress)
    revisions, paths = split_revisions(repository, arguments)
    if len(revisions) > 2:
        raise UsageError("diff takes at most two revisions", hint="mvc diff A B")
    return InRepository(repository, revisions, paths, staged)


def _is_below(root: str, path: str) -> bool:
    root, place = os.path.realpath(root), os.path.realpath(path)
    return os.path.commonpath([root, place]) == root
