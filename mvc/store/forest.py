"""Which version stands on which, for the least storage: a forest grown edge by edge, within depth and
read-back.

Prim's algorithm from a node that stands for "nothing below": the cheapest next version joins, on one that is
in or by itself. The first root decides much, so several are tried. Sizes differ little with the direction of
a difference, for which the forest would else not be the smallest.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence

from mvc.limits import DELTA_DEPTH, DELTA_READ_BACK
from mvc.values import dataclass

#: First roots that are tried, evenly spaced.
_ROOTS = 32
#: Of forests whose bytes differ by less than this share, the one that is read the quickest is taken.
_EVEN = 0.005


@dataclass(frozen=True, slots=True)
class Node:
    """A version: bytes ``raw``, stored ``alone``, and over each other version (by number) that is worth it."""

    raw: int
    alone: int
    over: Mapping[int, int]


@dataclass(slots=True)
class Forest:
    """``bases``: for each version what it stands on; ``order``: bases before what stands on them."""

    bases: list[int | None]
    depths: list[int]
    order: list[int]
    total: int


def smallest(nodes: Sequence[Node]) -> Forest:
    """The forest of the least bytes that was found, or as good as."""
    step = -(-len(nodes) // _ROOTS)
    above: list[list[int]] = [[] for _ in nodes]
    for number, node in enumerate(nodes):
        for base in node.over:
            above[base].append(number)
    found = [_grown(nodes, above, first) for first in range(0, len(nodes), step)]
    least = min(forest.total for forest in found)
    good = (forest for forest in found if forest.total <= least * (1 + _EVEN))
    return min(good, key=lambda forest: (sum(forest.depths), forest.total))


def _grown(nodes: Sequence[Node], above: Sequence[Sequence[int]], first: int) -> Forest:
    forest = Forest([None] * len(nodes), [-1] * len(nodes), [], 0)
    chains = [0] * len(nodes)
    heap = [(nodes[first].alone, 0, first, -1)]
    while heap:
        cost, depth, number, base = heapq.heappop(heap)
        node = nodes[number]
        chain = cost + (chains[base] if base >= 0 else 0)
        if forest.depths[number] >= 0 or (base >= 0 and chain > DELTA_READ_BACK * node.raw):
            continue
        forest.bases[number] = base if base >= 0 else None
        forest.depths[number], chains[number] = depth, chain
        forest.order.append(number)
        forest.total += cost
        if len(forest.order) == 1:
            for other, one in enumerate(nodes):
                if other != first:
                    heapq.heappush(heap, (one.alone, 0, other, -1))
        if depth < DELTA_DEPTH:
            for other in above[number]:
                if forest.depths[other] < 0:
                    heapq.heappush(heap, (nodes[other].over[number], depth + 1, other, number))
    return forest
