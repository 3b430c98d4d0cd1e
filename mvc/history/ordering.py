"""The order of ``log --graph``: every child before its parents, and no line of history mixed with another.

Source: Git's ``commit.c``, ``sort_in_topological_order`` with ``REV_SORT_IN_GRAPH_ORDER``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def graph_order(parents: Mapping[str, Sequence[str]]) -> list[str]:
    """The keys, given newest first; a parent that is no key does not count."""
    children = dict.fromkeys(parents, 0)
    for above in parents.values():
        for parent in above:
            if parent in children:
                children[parent] += 1
    # A stack: the line of history that was begun last is told to its end first.
    waiting = [id_ for id_, count in reversed(children.items()) if not count]
    found = []
    while waiting:
        id_ = waiting.pop()
        found.append(id_)
        for parent in parents[id_]:
            if parent in children:
                children[parent] -= 1
                if not children[parent]:
                    waiting.append(parent)
    return found
