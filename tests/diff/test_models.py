"""What ``compare_sides`` reports of files and tensors, and how little it reads to find out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mvc.diff.models import Difference, ModelChange, TensorChange, compare_sides
from mvc.errors import MissingObject
from mvc.history.manifest import Conflict, Entry, Manifest
from mvc.ids import object_id

Side = Callable[[], Any]
ONE = np.array([1.0, 2.0, 4.0, 8.0], "f4")
TWO = np.array([1.0, 2.0, 4.0, 9.0], "f4")
INDEX = "big/model.safetensors.index.json"


def index(weight_map: dict[str, str]) -> str:
    return json.dumps({"metadata": {}, "weight_map": weight_map})


def only_model(difference: Difference) -> ModelChange:
    (model,) = difference.models
    return model


def statuses(model: ModelChange) -> dict[str, str]:
    return {tensor.name: tensor.status for tensor in model.tensors}


def only_tensor(difference: Difference) -> TensorChange:
    (tensor,) = only_model(difference).tensors
    return tensor


def test_equal_sides_differ_in_nothing_and_are_not_opened(side: Side) -> None:
    old, new = (side().add_model("m.safetensors", {"a": ONE}).add_text("x", "y") for _ in range(2))
    assert not compare_sides(old, new)
    assert not old.opened + new.opened


def test_tensors_that_differ_are_listed_with_their_numbers(side: Side) -> None:
    old = side().add_model("m.safetensors", {"a": ONE, "b": ONE, "gone": ONE[:1]})
    new = side().add_model("m.safetensors", {"a": ONE, "b": TWO, "come": TWO[:2]})
    difference = compare_sides(old, new)
    model = only_model(difference)
    assert statuses(model) == {"b": "changed", "come": "added", "gone": "removed"}
    assert (model.old_tensors, model.new_tensors, model.count("changed", "added")) == (3, 3, 2)
    stats = model.tensors[0].stats
    assert stats is not None
    assert (stats.changed, stats.elements, stats.max_abs, stats.max_ulp) == (1, 4, 1.0, 1 << 20)
    assert old.read == new.read == ["b"]
    (file,) = difference.files
    assert (file.status, file.kind, file.model, file.other_content) == (
        "modified",
        "model",
        "m.safetensors",
        False,
    )


def test_without_numbers_no_tensor_is_read(side: Side) -> None:
    old, new = side().add_model("m.pt", {"a": ONE}), side().add_model("m.pt", {"a": TWO})
    assert only_tensor(compare_sides(old, new, numeric=False)).stats is None
    assert not old.read + new.read


def test_another_shape_has_no_numbers(side: Side) -> None:
    old = side().add_model("m.pt", {"a": ONE})
    new = side().add_model("m.pt", {"a": ONE.reshape(2, 2)})
    tensor = only_tensor(compare_sides(old, new))
    assert (tensor.status, tensor.shape_changed, tensor.same_bytes, tensor.stats) == (
        "changed",
        True,
        True,
        None,
    )


def test_of_a_matrix_that_grew_the_rows_that_there_were_are_compared(side: Side) -> None:
    rows = np.arange(30_000, dtype="f4").reshape(-1, 3)
    grown = np.concatenate([rows, np.ones((5, 3), "f4")])
    grown[7, 1] += 1
    tensor = only_tensor(
        compare_sides(side().add_model("m.pt", {"a": rows}), side().add_model("m.pt", {"a": grown}))
    )
    assert tensor.stats is not None
    assert (tensor.stats.elements, tensor.stats.changed, tensor.stats.max_abs) == (30_000, 1, 1)
    half = side().add_model("m.pt", {"a": grown.astype("f2")})
    tensor = only_tensor(compare_sides(side().add_model("m.pt", {"a": rows[:50]}), half))
    assert tensor.stats is not None
    assert (tensor.stats.elements, tensor.recast) == (150, None)


@pytest.mark.parametrize("shape", [(9_999, 3), (10_001, 4), (30_000,), (0, 3), (1, 10_000, 3)])
def test_a_matrix_that_changed_otherwise_has_no_numbers(side: Side, shape: tuple[int, ...]) -> None:
    old = side().add_model("m.pt", {"a": np.ones((10_000, 3), "f4")})
    new = side().add_model("m.pt", {"a": np.zeros(shape, "f4")})
    assert only_tensor(compare_sides(old, new)).stats is None


def test_another_dtype_is_compared_by_value(side: Side) -> None:
    old = side().add_model("m.pt", {"a": ONE})
    new = side().add_model("m.pt", {"a": ONE.astype("f2")})
    tensor = only_tensor(compare_sides(old, new))
    assert tensor.dtype_changed
    assert tensor.stats is not None
    assert (tensor.stats.changed, tensor.stats.max_ulp) == (0, None)


def test_complex_and_real_have_no_numbers(side: Side) -> None:
    old = side().add_model("m.pt", {"a": ONE})
    new = side().add_model("m.pt", {"a": ONE.astype("c8")})
    assert only_tensor(compare_sides(old, new)).stats is None


def test_an_equal_tensor_under_another_name_is_renamed(side: Side) -> None:
    old = side().add_model("m.pt", {"a.1": ONE, "a.2": ONE, "a.3": ONE, "x": TWO})
    new = side().add_model("m.pt", {"b.1": ONE, "b.2": ONE, "x": TWO})
    model = only_model(compare_sides(old, new))
    found = {
        (t.status, t.old and t.old.entry.name, t.new and t.new.entry.name) for t in model.tensors
    }
    assert found == {("renamed", "a.1", "b.1"), ("renamed", "a.2", "b.2"), ("removed", "a.3", None)}


def test_a_new_file_and_a_deleted_one_are_all_added_and_all_removed(side: Side) -> None:
    empty, full = side(), side().add_model("m.pt", {"a": ONE, "b": TWO}).add_text("t", "x\n")
    added, deleted = compare_sides(empty, full), compare_sides(full, empty)
    assert statuses(only_model(added)) == {"a": "added", "b": "added"}
    assert statuses(only_model(deleted)) == {"a": "removed", "b": "removed"}
    assert [file.status for file in (*added.files, *deleted.files)] == ["added"] * 2 + [
        "deleted"
    ] * 2
    assert (only_model(added).old_tensors, only_model(deleted).new_tensors) == (0, 0)


def test_a_header_that_changed_alone_is_flagged(side: Side) -> None:
    old, new = (side().add_model("m.pt", {"a": ONE}, header=h) for h in ("", "epoch 2"))
    difference = compare_sides(old, new)
    assert only_model(difference).other_content
    assert not only_model(difference).tensors
    grown = side().add_model("m.pt", {"a": ONE, "b": TWO})
    assert not only_model(compare_sides(old, grown)).other_content


def test_bytes_of_no_tensor_are_flagged(side: Side) -> None:
    old, new = (side().add_model("m.pt", {"a": ONE}, unnamed=u) for u in (b"x", b"y"))
    assert only_model(compare_sides(old, new)).other_content


def sharded(side: Side, shards: dict[str, dict[str, np.ndarray]]) -> Any:
    made = side()
    for shard, tensors in shards.items():
        made.add_model(f"big/{shard}", tensors)
    return made.add_text(INDEX, index({n: s for s, tensors in shards.items() for n in tensors}))


def test_a_tensor_in_another_shard_has_moved_not_changed(side: Side) -> None:
    old = sharded(side, {"1.safetensors": {"a": ONE, "b": TWO}, "2.safetensors": {"c": ONE[:2]}})
    new = sharded(side, {"1.safetensors": {"a": ONE}, "2.safetensors": {"b": TWO, "c": TWO[2:]}})
    difference = compare_sides(old, new)
    model = only_model(difference)
    assert model.name == "big/model.safetensors"
    assert model.files == ("big/1.safetensors", "big/2.safetensors")
    assert statuses(model) == {"b": "moved", "c": "changed"}
    assert (model.old_tensors, model.new_tensors) == (3, 3)
    assert {file.path: file.model for file in difference.files} == {
        "big/1.safetensors": model.name,
        "big/2.safetensors": model.name,
        INDEX: None,
    }


def test_shards_that_are_equal_are_counted_but_not_read(side: Side) -> None:
    old = sharded(side, {"1.safetensors": {"a": ONE}, "2.safetensors": {"b": ONE}})
    new = sharded(side, {"1.safetensors": {"a": ONE}, "2.safetensors": {"b": TWO}})
    model = only_model(compare_sides(old, new))
    assert (statuses(model), model.new_tensors) == ({"b": "changed"}, 2)
    assert old.read == ["b"]


def test_a_model_cut_into_shards_is_still_the_same_model(side: Side) -> None:
    old = side().add_model("big/model.safetensors", {"a": ONE, "b": TWO})
    new = sharded(side, {"1.safetensors": {"a": ONE}, "2.safetensors": {"b": TWO}})
    assert statuses(only_model(compare_sides(old, new))) == {"a": "moved", "b": "moved"}


def test_an_index_too_long_for_a_text_file_still_makes_one_model(side: Side) -> None:
    shards = [
        {"1.safetensors": "a", "2.safetensors": "b"},
        {"1.safetensors": "b", "2.safetensors": "a"},
    ]
    sides = []
    for names in shards:
        made = side()
        for shard, name in names.items():
            made.add_model(f"big/{shard}", {name: ONE if name == "a" else TWO})
        sides.append(made.add_bytes(INDEX, index({n: s for s, n in names.items()}).encode()))
    assert statuses(only_model(compare_sides(*sides))) == {"a": "moved", "b": "moved"}


def test_one_name_in_two_files_of_a_model_is_two_tensors(side: Side) -> None:
    old = sharded(side, {"1.safetensors": {"a": ONE, "p": ONE}, "2.safetensors": {"a": TWO}})
    new = sharded(side, {"1.safetensors": {"a": ONE, "p": TWO}, "2.safetensors": {"a": ONE}})
    model = only_model(compare_sides(old, new))
    assert [(t.name, t.status, t.new and t.new.path) for t in model.tensors] == [
        ("a", "changed", "big/2.safetensors"),
        ("p", "changed", "big/1.safetensors"),
    ]


def test_a_renamed_file_is_no_change_of_its_tensors(side: Side) -> None:
    old = side().add_model("m.safetensors", {"a": ONE})
    new = side().add_model("best.safetensors", {"a": ONE})
    difference = compare_sides(old, new)
    (file,) = difference.files
    assert (file.status, file.path, file.model) == (
        "renamed",
        "best.safetensors",
        "best.safetensors",
    )
    assert file.old is not None
    assert file.old.path == "m.safetensors"
    assert not only_model(difference).tensors


def test_a_folder_of_shards_that_was_renamed_is_no_change(side: Side) -> None:
    shards = {"1.safetensors": {"a": ONE}, "2.safetensors": {"b": TWO}}
    old = sharded(side, shards)
    new = side()
    for shard, tensors in shards.items():
        new.add_model(f"moved/{shard}", tensors)
    new.add_text(INDEX.replace("big", "moved"), index({"a": "1.safetensors", "b": "2.safetensors"}))
    difference = compare_sides(old, new)
    assert {file.status for file in difference.files} == {"renamed"}
    assert not only_model(difference).tensors


def test_an_undecided_tensor_is_a_conflict_with_its_terms(side: Side) -> None:
    old = side().add_model("m.pt", {"a": ONE, "b": ONE})
    terms = Conflict("a", old.entry("a", ONE), old.entry("a", TWO), None)
    new = side().add_model("m.pt", {"b": ONE}, conflicts=(terms,))
    tensor = only_tensor(compare_sides(old, new))
    assert (tensor.status, tensor.conflict, tensor.new) == ("conflict", terms, None)
    assert only_model(compare_sides(old, new)).new_tensors == 2
    other = side().add_model("m.pt", {"b": TWO}, conflicts=(terms,))
    assert statuses(only_model(compare_sides(new, other))) == {"b": "changed"}


@pytest.mark.parametrize("paths", [["sub"], ["sub/m.pt"], ["*/m.pt"]])
def test_paths_limit_what_is_compared(paths: list[str], side: Side) -> None:
    old = side().add_model("sub/m.pt", {"a": ONE}).add_model("n.pt", {"a": ONE}).add_text("t", "1")
    new = side().add_model("sub/m.pt", {"a": TWO}).add_model("n.pt", {"a": TWO}).add_text("t", "2")
    difference = compare_sides(old, new, paths=paths)
    assert [file.path for file in difference.files] == ["sub/m.pt"]
    assert only_model(difference).name == "sub/m.pt"
    assert old.read == ["a"]


def test_the_name_of_a_sharded_model_stands_for_its_files(side: Side) -> None:
    old = sharded(side, {"1.safetensors": {"a": ONE}, "2.safetensors": {"b": ONE}})
    new = sharded(side, {"1.safetensors": {"a": TWO}, "2.safetensors": {"b": TWO}})
    whole = compare_sides(old, new, paths=["big/model.safetensors"])
    assert statuses(only_model(whole)) == {"a": "changed", "b": "changed"}
    shard = compare_sides(old, new, paths=["big/2.safetensors"])
    assert statuses(only_model(shard)) == {"b": "changed"}


def test_globs_limit_the_tensors_and_leave_out_other_files(side: Side) -> None:
    old = side().add_model("m.pt", {"l.0.w": ONE, "l.1.w": ONE}).add_text("t", "1")
    new = side().add_model("m.pt", {"l.0.w": TWO, "l.1.w": TWO}).add_text("t", "2")
    difference = compare_sides(old, new, tensors=["l.1.*"])
    assert statuses(only_model(difference)) == {"l.1.w": "changed"}
    assert [file.path for file in difference.files] == ["m.pt"]
    assert old.read == ["l.1.w"]
    assert not compare_sides(old, new, tensors=["nothing"])


@pytest.mark.parametrize("dtype", ["Q4_K", "F4"])
def test_a_dtype_without_numbers_is_changed_all_the_same(dtype: str, side: Side) -> None:
    sides = []
    for content in (b"old", b"new"):
        entry = Entry("a", dtype, (3,), object_id(content))
        manifest = Manifest("safetensors", 3, object_id(b""), (entry,))
        sides.append(side().add_manifest("m.safetensors", manifest))
    tensor = only_tensor(compare_sides(*sides))
    assert (tensor.status, tensor.stats) == ("changed", None)


def test_a_tensor_that_cannot_be_read_is_an_error(side: Side) -> None:
    old, new = side().add_model("m.pt", {"a": ONE}), side().add_model("m.pt", {"a": TWO})
    new.lose(TWO)
    with pytest.raises(MissingObject):
        compare_sides(old, new)


def test_many_tensors_keep_their_own_numbers_and_report_progress(side: Side) -> None:
    names = [f"t{n:03}" for n in range(60)]
    old = side().add_model("m.pt", {name: np.zeros(n + 1, "f4") for n, name in enumerate(names)})
    new = side().add_model(
        "m.pt", {name: np.full(n + 1, n + 1, "f4") for n, name in enumerate(names)}
    )
    reports: list[tuple[str, int, int]] = []
    difference = compare_sides(old, new, progress=lambda *report: reports.append(report))
    found = {t.name: t.stats and t.stats.max_abs for t in only_model(difference).tensors}
    assert found == {name: n + 1 for n, name in enumerate(names)}
    total = 2 * 4 * sum(range(1, 61))
    assert reports[-1] == ("comparing", total, total)
