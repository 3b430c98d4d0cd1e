"""Steps: commits that a program makes of HEAD's tensors, with a record of how, and tries that were refused.

Reached as ``repo.steps``. Holds no algorithm; they are in ``merge/`` and ``history/``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mvc.history.git import Commit
from mvc.opened import Opened

if TYPE_CHECKING:
    from mvc.history.step import Step


class Steps:
    """A step is all or nothing: files, refs and record move in one operation."""

    def __init__(self, repo: Opened) -> None:
        self._repo = repo
        self._context = repo._context

    def ready(self) -> None:
        """UsageError unless a step could be committed: something is staged, or a merge waits."""
        from mvc.merge.stepping import ready

        ready(self._context)

    def commit(self, step: Step) -> Commit:
        """Commit ``step`` on HEAD and check it out.

        Raises:
            RefConflict: HEAD is not ``step.onto`` any more; nothing has changed.
            DirtyWorktree: unsaved work is in the way; nothing has changed.
            NothingToCommit: the step changes nothing.
            UsageError: a merge waits, something is staged, or there is no such model.
        """
        from mvc.merge.stepping import commit_step

        who, hear = self._repo._signer(), self._repo.progress
        return self._context.git.commit(commit_step(self._context, step, who=who, progress=hear))

    def refuse(self, step: Step) -> tuple[int, Commit]:
        """Keep ``step`` on ``refs/mvc/refused/N`` alone, and give N; no branch and no file moves."""
        from mvc.merge.stepping import refuse_step

        who, hear = self._repo._signer(), self._repo.progress
        number, id_ = refuse_step(self._context, step, who=who, progress=hear)
        return number, self._context.git.commit(id_)

    def refused(self) -> dict[int, Commit]:
        """The refused tries by number, oldest first."""
        from mvc.history.refused import listed

        return listed(self._context)

    def forget(self, number: int) -> None:
        """Let a refused try go; UsageError if there is none of that number."""
        from mvc.merge.stepping import forget_refused

        forget_refused(self._context, number, self._repo._now)
