"""The forest of versions: cheap, and within the bounds of reading."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mvc.limits import DELTA_DEPTH, DELTA_READ_BACK
from mvc.store.forest import Forest, Node, smallest


def complete(distance: list[list[int]], raw: int = 1000, alone: int = 600) -> list[Node]:
    return [
        Node(raw, alone, {m: d for m, d in enumerate(row) if m != n and d < alone})
        for n, row in enumerate(distance)
    ]


def test_siblings_stand_on_the_one_that_is_near_to_all() -> None:
    far, near = 200, 100
    distance = [[near if 2 in (n, m) else far for m in range(5)] for n in range(5)]
    found = smallest(complete(distance))
    assert found.bases == [2, 2, None, 2, 2]
    assert found.total == 600 + 4 * near
    assert found.order[0] == 2


def test_steps_of_a_training_are_a_chain_from_its_middle() -> None:
    distance = [[60 * abs(n - m) for m in range(9)] for n in range(9)]
    found = smallest(complete(distance))
    assert found.total == 600 + 8 * 60


def test_what_no_other_helps_stands_alone() -> None:
    found = smallest([Node(1000, 600, {}), Node(1000, 650, {}), Node(10, 9, {0: 5})])
    assert found.bases == [None, None, None] or found.bases == [None, None, 0]
    assert found.bases[:2] == [None, None]


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_no_chain_is_too_deep_or_too_long_to_read_back(data: st.DataObject) -> None:
    count = data.draw(st.integers(2, 12))
    sizes = st.integers(1, 900)
    nodes = [
        Node(
            1000,
            data.draw(st.integers(300, 1000)),
            data.draw(
                st.dictionaries(st.integers(0, count - 1).filter(lambda m, n=n: m != n), sizes)
            ),
        )
        for n in range(count)
    ]
    found = smallest(nodes)
    assert sorted(found.order) == list(range(count))
    _hold(found, nodes)


def test_a_chain_longer_than_the_bound_begins_anew() -> None:
    count = 3 * DELTA_DEPTH
    nodes = [
        Node(1000, 600, {m: 10 for m in (n - 1, n + 1) if 0 <= m < count}) for n in range(count)
    ]
    found = smallest(nodes)
    _hold(found, nodes)
    assert found.bases.count(None) == pytest.approx(2, abs=1)


def _hold(found: Forest, nodes: list[Node]) -> None:
    total = 0
    for number in found.order:
        base, size, depth = found.bases[number], nodes[number].alone, 0
        chain, place = 0, number
        while (base := found.bases[place]) is not None:
            chain += nodes[place].over[base]
            place, depth = base, depth + 1
        chain += nodes[place].alone
        own = found.bases[number]
        size = nodes[number].alone if own is None else nodes[number].over[own]
        total += size
        assert found.depths[number] == depth <= DELTA_DEPTH
        assert own is None or chain <= DELTA_READ_BACK * nodes[number].raw
        assert own is None or found.order.index(own) < found.order.index(number)
    assert found.total == total
