"""Go back to the common ancestor's version of what both sides changed."""

from __future__ import annotations

from mvc.history.manifest import Entry
from mvc.merge.strategies.strategy import Side


class Base:
    """``--strategy base``; it settles every conflict, so a virtual merge base is made with it."""

    name = "base"
    file_side: Side = "base"

    def settle(self, base: Entry | None, ours: Entry | None, theirs: Entry | None) -> Side:
        """The ancestor's; none, when both sides added the tensor."""
        return "base"
