"""Tensors under other names: found by their ids, and by a rule that the names follow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mvc.diff.models import ModelChange, TensorChange, compare_sides
from mvc.diff.renames import Rule, gist, rule_between, unmatched
from mvc.history.manifest import Entry
from mvc.ids import ObjectId

Side = Callable[[], Any]


def weights(count: int, prefix: str = "") -> dict[str, np.ndarray]:
    return {f"{prefix}layers.{n}.w": np.full(3, n, "f4") for n in range(count)}


def model(side: Side, old: dict[str, np.ndarray], new: dict[str, np.ndarray]) -> ModelChange:
    before, after = side().add_model("m.pt", old), side().add_model("m.pt", new)
    (found,) = compare_sides(before, after).models
    return found


def pairs(tensors: tuple[TensorChange, ...]) -> dict[str, str]:
    return {t.old.entry.name: t.new.entry.name for t in tensors if t.old and t.new}


def test_a_rule_keeps_whole_parts_of_names() -> None:
    assert rule_between("a.w", "model.a.w") == Rule("", "model.")
    assert rule_between("bert.a.w", "a.w") == Rule("bert.", "")
    assert rule_between("old.a.w", "new.a.w") == Rule("old.", "new.")
    assert rule_between("xa.w", "a.w") == Rule("xa.", "a.")
    assert rule_between("one", "two") == Rule("one", "two")


def test_a_prefix_before_every_name_is_told_at_once(side: Side) -> None:
    found = model(side, weights(9), weights(9, "model."))
    assert found.count("renamed") == 9
    told = gist(found.tensors)
    assert [(one.rule, one.count) for one in told.renamed] == [(Rule("", "model."), 9)]
    assert not told.rest


def test_a_few_renamed_tensors_are_told_one_by_one(side: Side) -> None:
    told = gist(model(side, weights(3), weights(3, "model.")).tensors)
    assert not told.renamed
    assert told.rest == (0, 1, 2)


def test_equal_tensors_are_paired_as_the_others_are(side: Side) -> None:
    """Norms are ones in every layer; in the order of names ``model.a`` would be paired with ``z``."""
    ones = np.ones(2, "f4")
    old = weights(3) | {"z.norm": ones, "b.norm": ones}
    new = weights(3, "model.") | {"model.z.norm": ones, "model.b.norm": ones, "a.norm": ones}
    found = pairs(model(side, old, new).tensors)
    assert found["z.norm"] == "model.z.norm"
    assert found["b.norm"] == "model.b.norm"


def test_tensors_that_changed_are_compared_under_the_names_of_a_rule(side: Side) -> None:
    new = {name: array + 0.5 for name, array in weights(6, "model.").items()}
    found = model(side, weights(6), new)
    assert found.count("changed") == 6
    assert pairs(found.tensors)["layers.3.w"] == "model.layers.3.w"
    assert all(tensor.stats and tensor.stats.max_abs == 0.5 for tensor in found.tensors)
    told = gist(found.tensors)
    assert [(one.rule, one.count) for one in told.compared] == [(Rule("", "model."), 6)]
    assert len(told.rest) == 6


def test_other_tensors_of_other_shapes_are_removed_and_added(side: Side) -> None:
    new = {f"model.layers.{n}.w": np.ones((2, n + 5), "f4") for n in range(6)}
    found = model(side, weights(6), new)
    assert (found.count("removed"), found.count("added")) == (6, 6)


def test_the_numbers_go_to_what_a_gist_does_not_tell(side: Side) -> None:
    """The first rows of what is shown, not of what a line sums up."""
    old = weights(9) | {"zz": np.zeros(2, "f4")}
    new = weights(9, "model.") | {"zz": np.ones(2, "f4")}
    before, after = side().add_model("m.pt", old), side().add_model("m.pt", new)
    (found,) = compare_sides(before, after, numeric=1).models
    assert found.tensors[-1].stats is not None
    assert before.read == ["zz"]


_PLACES = st.dictionaries(
    st.lists(st.sampled_from(["a", "b", "model", "0", "1", "w"]), min_size=1, max_size=4).map(
        ".".join
    ),
    st.tuples(st.sampled_from("xyz"), st.sampled_from([(2,), (3,), (2, 2)])),
    max_size=12,
)


@given(_PLACES, _PLACES)
def test_every_tensor_has_just_one_fate(
    old: dict[str, tuple[str, tuple[int, ...]]], new: dict[str, tuple[str, tuple[int, ...]]]
) -> None:
    gone, come = (
        [("m", Entry(name, "F32", shape, ObjectId(id_))) for name, (id_, shape) in side.items()]
        for side in (old, {name: value for name, value in new.items() if name not in old})
    )
    found = list(unmatched(gone, come))
    assert sorted(t.old.entry for t in found if t.old) == sorted(entry for _, entry in gone)
    assert sorted(t.new.entry for t in found if t.new) == sorted(entry for _, entry in come)
    for tensor in found:
        if tensor.old and tensor.new:
            same = tensor.old.entry.value == tensor.new.entry.value
            assert tensor.status == ("renamed" if same else "changed")


@given(_PLACES, _PLACES)
def test_what_is_removed_is_nowhere_among_what_is_added(
    old: dict[str, tuple[str, tuple[int, ...]]], new: dict[str, tuple[str, tuple[int, ...]]]
) -> None:
    gone, come = (
        [("m", Entry(name, "F32", shape, ObjectId(id_))) for name, (id_, shape) in side.items()]
        for side in (old, {f"new.{name}": value for name, value in new.items()})
    )
    found = list(unmatched(gone, come))
    removed = {t.old.entry.value for t in found if t.status == "removed" and t.old}
    added = {t.new.entry.value for t in found if t.status == "added" and t.new}
    assert not removed & added
