"""Checking, repairing and tidying a repository: what keeps it whole, not what it says.

Reached as ``repo.upkeep``. Holds no algorithm; they are in ``maintenance/``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from mvc.history.context import Context
from mvc.history.signature import Signature

if TYPE_CHECKING:
    from mvc.maintenance.finding import Finding


class Upkeep:
    """``who`` signs the operations that a repair records; ``root`` and ``folder`` are the repository's."""

    def __init__(
        self,
        context: Context,
        *,
        who: Signature | None,
        progress: Callable[[str, int, int], None] | None,
    ) -> None:
        self._context = context
        self.root, self.folder = context.root, context.folder
        self.who = who
        self.progress = progress

    def fsck(self, *, full: bool = False) -> Iterator[Finding]:
        """Check structure and connectivity; ``full`` decodes and hashes every stored byte."""
        from mvc.maintenance.fsck import fsck

        return fsck(self._context, full=full, progress=self.progress)
