"""Take their version of what both sides changed."""

from __future__ import annotations

from mvc.history.manifest import Entry
from mvc.merge.strategies.strategy import Side


class Theirs:
    """``--strategy theirs``; one-sided changes of ours are still kept, as with Git's ``-X theirs``."""

    name = "theirs"
    file_side: Side = "theirs"

    def settle(self, base: Entry | None, ours: Entry | None, theirs: Entry | None) -> Side:
        """Theirs."""
        return "theirs"
