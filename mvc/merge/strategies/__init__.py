"""The strategies by name: what ``--strategy`` accepts.

A strategy of another distribution is an entry point in the group ``mvc.strategies``; it is looked up only
when mvc has none of that name. Nothing in a repository can name one.
"""

from __future__ import annotations

import importlib
from typing import cast

from mvc.errors import UsageError
from mvc.merge.strategies.strategy import Strategy

__all__ = ["STRATEGIES", "named"]

#: mvc's own: module and class, imported on use (``average`` needs NumPy).
STRATEGIES: dict[str, tuple[str, str]] = {
    "ours": ("mvc.merge.strategies.ours", "Ours"),
    "theirs": ("mvc.merge.strategies.theirs", "Theirs"),
    "base": ("mvc.merge.strategies.base", "Base"),
    "average": ("mvc.merge.strategies.average", "Average"),
}


def named(name: str) -> Strategy:
    """The strategy called ``name``.

    Raises:
        UsageError: there is none.
    """
    if name in STRATEGIES:
        module, attribute = STRATEGIES[name]
        return cast(Strategy, getattr(importlib.import_module(module), attribute)())
    from importlib.metadata import entry_points  # 20 ms

    for point in entry_points(group="mvc.strategies", name=name):
        return cast(Strategy, point.load())
    raise UsageError(f"there is no merge strategy '{name}'", hint=f"one of {', '.join(STRATEGIES)}")
