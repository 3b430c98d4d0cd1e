"""``log -t`` and ``log -S``: the commits that Git finds by a file a tensor, and by its own ``-S``."""

from __future__ import annotations

from dataclasses import replace

import pytest
from history.dags import NAMES, Step, commit, histories, index, tensor_id, write
from history.place import Place
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mvc.errors import UsageError

ANY = settings(max_examples=18, suppress_health_check=[HealthCheck.function_scoped_fixture])


@ANY
@given(histories, st.sets(st.integers(0, len(NAMES) - 1), min_size=1), st.booleans())
def test_commits_that_changed_a_tensor_are_those_that_changed_its_file(
    place: Place, history: list[Step], tensors: set[int], drawn: bool
) -> None:
    ids = write(place, history)
    options = ["--topo-order", "--parents"] if drawn else ["--format=%H"]
    paths = [f"t{number}" for number in sorted(tensors)]
    expected = place.git("log", "--format=%H %P", *options, ids[-1], "--", *paths).splitlines()
    found = place.repository.log(
        [ids[-1]], tensors=[NAMES[number] for number in tensors], topological=drawn
    )
    if drawn:
        assert [" ".join([one.id, *one.parents]) for one in found] == [
            line.strip() for line in expected
        ]
    else:
        assert [one.id for one in found] == expected


@ANY
@given(histories, st.integers(0, len(NAMES) - 1), st.integers(0, 6))
def test_an_id_comes_and_goes_where_git_finds_its_text_to(
    place: Place, history: list[Step], which: int, value: int
) -> None:
    ids = write(place, [replace(step, moves=False) for step in history])
    id_ = tensor_id(NAMES[which], value)
    # With -m a merge is shown once for each parent that it differs so from.
    lines = place.git("log", "-m", "--format=%H %P", "-s", f"-S{id_}", ids[-1]).splitlines()
    shown = {line.split()[0]: max(1, len(line.split()) - 1) for line in lines}
    expected = [id_ for id_, times in shown.items() if sum(id_ in w[:40] for w in lines) == times]
    found = place.repository.log([ids[-1]], occurring=id_[:12])
    assert [one.id for one in found] == expected


def test_a_file_that_was_renamed_has_changed_no_tensor(place: Place) -> None:
    step = Step((1,), (0,) * len(NAMES), (), False, 60, 0, "x")
    moved = Step((1,), (0,) * len(NAMES), (), True, 60, 0, "x")
    ids = write(place, [step, moved, step])
    assert [one.id for one in place.repository.log([ids[-1]], tensors=["*"])] == ids[:1]
    assert [one.id for one in place.repository.log([ids[-1]], occurring=tensor_id("a", 0))] == ids[
        :1
    ]


def test_a_tensor_that_went_to_another_shard_has_not_changed(place: Place) -> None:
    whole, one, two = "m.safetensors", "m-1.safetensors", "m-2.safetensors"
    both = index(a=one, c=two)
    first = commit(
        place, [], 0, **{one: {"a": 1, "b": 2}, two: {"c": 3}, f"{whole}.index.json": both}
    )
    second = commit(
        place, [first], 1, **{one: {"a": 1}, two: {"b": 2, "c": 3}, f"{whole}.index.json": both}
    )
    third = commit(
        place, [second], 2, **{one: {"a": 1}, two: {"b": 4, "c": 3}, f"{whole}.index.json": both}
    )
    gone = {f"x/{one}": {"a": 1}, f"x/{two}": {"b": 4, "c": 3}, f"x/{whole}.index.json": both}
    fourth = commit(place, [third], 3, **gone)
    assert [one.id for one in place.repository.log(fourth, tensors=["b"])] == [third, first]
    assert [one.id for one in place.repository.log(fourth, occurring=tensor_id("b", 2))] == [
        third,
        first,
    ]


def test_two_models_that_change_places_have_both_changed(place: Place) -> None:
    first = commit(place, [], 0, m={"a": 1}, n={"a": 2})
    second = commit(place, [first], 1, m={"a": 2}, n={"a": 1})
    assert [one.id for one in place.repository.log(second, tensors=["a"])] == [second, first]


@pytest.mark.parametrize("id_", ["", "abc", "xyzw", "0" * 65])
def test_what_is_no_id_is_refused(place: Place, id_: str) -> None:
    with pytest.raises(UsageError, match="no tensor's id"):
        place.repository.log(place.commit("one"), occurring=id_)
