"""Keep our version of what both sides changed."""

from __future__ import annotations

from mvc.history.manifest import Entry
from mvc.merge.strategies.strategy import Side


class Ours:
    """``--strategy ours``; one-sided changes of theirs are still taken, as with Git's ``-X ours``."""

    name = "ours"
    file_side: Side = "ours"

    def settle(self, base: Entry | None, ours: Entry | None, theirs: Entry | None) -> Side:
        """Ours."""
        return "ours"
