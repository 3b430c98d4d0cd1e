"""The stash: unfinished work put aside, as in ``git stash``.

Reached as ``repo.stash``. Holds no algorithm; they are in ``worktree/`` and ``merge/``.
"""

from __future__ import annotations

from collections.abc import Callable

from mvc.history.context import Context
from mvc.history.signature import Signature


class Stash:
    """``who`` signs what is put aside."""

    def __init__(
        self,
        context: Context,
        *,
        who: Signature | None,
        progress: Callable[[str, int, int], None] | None,
    ) -> None:
        self._context = context
        self._who = who
        self._progress = progress
