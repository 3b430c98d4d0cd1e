"""The stash: unfinished work put aside, as in ``git stash``.

Reached as ``repo.stash``. Holds no algorithm; they are in ``worktree/`` and ``merge/``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mvc.history.side import SnapshotSide
from mvc.history.stashes import Stashed
from mvc.opened import Opened
from mvc.worktree import stash

if TYPE_CHECKING:
    from mvc.diff.changes import Difference
    from mvc.worktree.shelving import Untracked
    from mvc.worktree.stash import Named


class Stash:
    """The stashes, newest first.

    A stash is named as in Git: ``stash@{n}`` or ``n``, and nothing for the newest.
    """

    def __init__(self, repo: Opened) -> None:
        self._repo = repo
        self._context = repo._context

    def __iter__(self) -> Iterator[Stashed]:
        return iter(stash.entries(self._context))

    def __len__(self) -> int:
        return len(stash.entries(self._context))

    def push(
        self,
        message: str | None = None,
        *,
        paths: Sequence[str] = (),
        untracked: Untracked = "no",
        keep_index: bool = False,
    ) -> Stashed | None:
        """Put what differs from HEAD aside, at ``paths`` if given; None when nothing does.

        ``untracked`` takes files that nobody tracks as well, ``all`` ignored ones too. ``keep_index`` leaves
        what is staged as it is.

        Raises:
            UsageError: there is no commit yet, a merge is unfinished, or a path means nothing.
            DirtyWorktree: an untracked file is where one of HEAD's must come back.
        """
        from mvc.worktree.shelving import push

        return push(
            self._context,
            message=message,
            paths=self._repo._inside(paths),
            untracked=untracked,
            keep_index=keep_index,
            who=self._repo._now,
            progress=self._repo.progress,
        )

    def show(
        self, name: str | None = None, *, numeric: bool = False, untracked: bool = False
    ) -> Difference:
        """What a stash changes against the commit that it was made on.

        Raises:
            UsageError: there is no such stash.
        """
        from mvc.diff.models import compare_sides

        shelf = stash.read(self._context, stash.find(self._context, name).commit)
        after = shelf.files.with_files(shelf.untracked) if untracked else shelf.files
        sides = (SnapshotSide(files, self._context.store) for files in (shelf.before, after))
        return compare_sides(*sides, numeric=numeric, progress=self._repo.progress)

    def pop(self, name: str | None = None, *, index: bool = False) -> Named:
        """``apply``, and take it off the list.

        Raises:
            As ``apply``.
        """
        return self._unshelve(name, index, drop=True)

    def apply(self, name: str | None = None, *, index: bool = False) -> Named:
        """Bring a stash back; with ``index`` what was on the stage goes there again.

        Raises:
            UsageError: there is no such stash, or a merge is unfinished.
            DirtyWorktree: unsaved work is in the way.
            MergeConflict: it changed what has changed since; the stash is kept.
        """
        return self._unshelve(name, index, drop=False)

    def _unshelve(self, name: str | None, index: bool, *, drop: bool) -> Named:
        from mvc.merge.unshelving import unshelve

        return unshelve(
            self._context,
            name,
            index_too=index,
            drop=drop,
            who=self._repo._now,
            progress=self._repo.progress,
        )

    def branch(self, branch: str, name: str | None = None) -> Named:
        """A new branch where the stash was made, with what it holds; it leaves the list."""
        from mvc.merge import unshelving

        return unshelving.branch(
            self._context, branch, name, who=self._repo._now, progress=self._repo.progress
        )

    def drop(self, name: str | None = None) -> Named:
        """Take a stash off the list; UsageError if there is none of that name."""
        return stash.drop(self._context, name, self._repo._now)

    def clear(self) -> None:
        """Take all stashes off the list."""
        stash.clear(self._context, self._repo._now)
