"""The search for the commit that broke something, as in ``git bisect``.

Reached as ``repo.bisect``. Holds no algorithm; they are in ``worktree/bisect.py`` and ``history/``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from mvc.ids import CommitId
from mvc.opened import Opened

if TYPE_CHECKING:
    from mvc.history.bisection import Bisection
    from mvc.worktree.ahead import Ahead
    from mvc.worktree.bisect import Bisecting, Step

#: Of a commit to test: whether its files are not needed, as the answer is known.
Stay = Callable[[CommitId], bool]


class Bisect:
    """Each method that gives a ``Step`` is one operation, which ``undo`` takes back."""

    def __init__(self, repo: Opened) -> None:
        self._repo = repo
        self._context = repo._context

    @property
    def search(self) -> Bisection | None:
        """The search in progress."""
        from mvc.history.bisection import read_bisection

        return read_bisection(self._context)[1]

    def start(self, words: Sequence[str] = (), *, stay: Stay | None = None) -> Step:
        """Begin, with the words of ``git bisect start``: options, the bad commit, good ones, ``--``, paths.

        A commit to which ``stay`` says yes is not checked out, here and below.

        Raises:
            UsageError: a word means nothing, or a merge is unfinished.
            MvcError: a term can't be one, there is no commit yet, or a commit would be both good and bad.
            DirtyWorktree: unsaved work is in the way of the commit to test.
        """
        return self._stepping(stay).start(words)

    def mark(
        self,
        state: str,
        revisions: Sequence[str] = ("HEAD",),
        *,
        stay: Stay | None = None,
        ahead: Ahead | None = None,
    ) -> Step:
        """Say that commits are ``state``: ``bad``, ``good``, what the search calls so, or ``skip``.

        Ranges ``A..B`` can be skipped. What was built in ``ahead`` is not built again.

        Raises:
            As ``start``; UsageError also when the search has other terms.
        """
        stepping = self._stepping(stay, ahead)
        return stepping.mark(state, self._commits(revisions, ranges=state == "skip"))

    def next(self, *, stay: Stay | None = None, ahead: Ahead | None = None) -> Step:
        """Choose the next commit anew, and check it out.

        Raises:
            As ``start``; MvcError also when no bad commit is known.
        """
        return self._stepping(stay, ahead).next()

    def visit(self, revision: str, *, ahead: Ahead | None = None) -> None:
        """Check out a commit that is not asked about; the search stands where it stood.

        Raises:
            DirtyWorktree: unsaved work is in the way.
        """
        from mvc.history import revisions

        self._stepping(None, ahead).visit(revisions.resolve(self._context, revision))

    def ahead(self) -> AbstractContextManager[Ahead]:
        """While the block lasts, files of commits can be built before they are asked for, with ``expect``.

        Whatever checks out in the block is given it, and finds there what is built.
        """
        from mvc.worktree.ahead import building_ahead

        return building_ahead(self._context)

    def expect(
        self, ahead: Ahead, commits: Sequence[CommitId] = (), *, stay: Stay | None = None
    ) -> None:
        """Begin to build ``commits``, or what each answer about the commit that is tested would check out."""
        from mvc.history import log

        head = self._context.refs.head()
        assert head is not None
        wanted = commits or self._stepping(stay).outcomes()
        here, *snapshots = (log.snapshot(self._context, CommitId(id_)) for id_ in (head, *wanted))
        ahead.begin(here, snapshots)

    def replay(self, text: str) -> Step:
        """Do again what a log says, mvc's or Git's.

        Raises:
            As ``start``; MvcError also when the log can't be understood.
        """
        return self._stepping(None).replay(text.splitlines())

    def reset(self, target: str | None = None) -> bool:
        """End the search and go back to where it was started, or to ``target``; whether there was one.

        Raises:
            UsageError: there is no such place any more.
            DirtyWorktree: unsaved work is in the way.
        """
        return self._stepping(None).reset(target)

    def _stepping(self, stay: Stay | None, ahead: Ahead | None = None) -> Bisecting:
        from mvc.worktree.bisect import Bisecting

        repo = self._repo
        return Bisecting(
            self._context,
            inside=lambda path: repo._inside([path])[0],
            stay=stay or (lambda id_: False),
            who=repo._now,
            progress=repo.progress,
            ahead=ahead,
        )

    def _commits(self, texts: Sequence[str], *, ranges: bool) -> list[CommitId]:
        from mvc.history import revisions

        found: list[CommitId] = []
        for text in texts:
            if ranges and ".." in text:
                range_ = revisions.parse_range(self._context, [text])
                found += self._context.git.walk(range_.include, range_.exclude)
            else:
                found.append(revisions.resolve(self._context, text))
        return found
