"""What one merge carries along: where bytes go, the strategy, and the count of what was decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import field

from mvc.history.context import Context
from mvc.history.gitobjects import ObjectWriter
from mvc.merge.strategies.strategy import Strategy
from mvc.store.writing import PackWriter
from mvc.values import dataclass

#: Called with (what, done, total) in bytes while something long runs.
Progress = Callable[[str, int, int], None]


@dataclass(slots=True)
class Job:
    """``objects`` collects Git blobs, ``pack`` store objects; neither is visible before the merge ends.

    ``only``: globs of the tensors of which alone theirs' changes count; all changes do if there is none.
    """

    context: Context
    objects: ObjectWriter
    pack: PackWriter
    strategy: Strategy | None
    labels: tuple[str, str]
    progress: Progress | None = None
    tally: Counter[str] = field(default_factory=Counter)
    only: tuple[str, ...] = ()
