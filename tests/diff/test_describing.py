"""A look into one side: which tensors are chosen, what is read, and how they come out as files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file

from mvc.diff.describing import chosen, describe
from mvc.diff.exporting import export
from mvc.errors import MissingObject, MvcError, UnsupportedDtype, UsageError
from mvc.store.fs import Disk

Side = Callable[[], Any]
A = np.array([[1.0, -3.0], [0.0, 2.0]], "f4")
B = np.arange(6, dtype="i8")
HALF = np.ones(4, ml_dtypes.bfloat16)


@pytest.fixture
def model(side: Side) -> Any:
    return side().add_model("m.safetensors", {"l.0.a": A, "l.1.a": A * 2, "l.0.b": B, "l[0]": HALF})


def names(model: Any, *globs: str) -> list[str]:
    return [version.entry.name for version in chosen(model, "m.safetensors", globs)]


def test_a_glob_chooses_whole_names_and_a_name_chooses_itself(model: Any) -> None:
    assert names(model) == ["l.0.a", "l.0.b", "l.1.a", "l[0]"]
    assert names(model, "*.a") == ["l.0.a", "l.1.a"]
    assert names(model, "l[0]", "l.0.b") == ["l.0.b", "l[0]"]


def test_what_is_not_there_is_an_error_that_guesses(model: Any) -> None:
    with pytest.raises(UsageError) as no_tensor:
        names(model, "l.0.c")
    assert "did you mean 'l." in (no_tensor.value.hint or "")
    with pytest.raises(UsageError) as no_path:
        chosen(model, "m.safetensor", ())
    assert "did you mean 'm.safetensors'?" in (no_path.value.hint or "")


def test_only_chosen_tensors_are_read_and_none_without_numbers(model: Any) -> None:
    assert describe(model, "m.safetensors", numeric=False)[0].summary is None
    assert model.read == []
    (found,) = describe(model, "m.safetensors", ["l.0.a"])
    assert found.summary is not None and model.read == ["l.0.a"]
    assert (found.summary.min, found.summary.max, found.summary.zeros) == (-3.0, 2.0, 1)


def test_the_name_of_a_sharded_model_stands_for_its_shards(side: Side) -> None:
    index = '{"weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"}}'
    sharded = side().add_text("m.safetensors.index.json", index)
    sharded.add_model("m-1.safetensors", {"a": A}).add_model("m-2.safetensors", {"b": B})
    found = describe(sharded, "m.safetensors", numeric=False)
    assert [(one.name, one.path) for one in found] == [
        ("a", "m-1.safetensors"),
        ("b", "m-2.safetensors"),
    ]


def write(model: Any, target: Path, *globs: str, force: bool = False) -> None:
    export(model, chosen(model, "m.safetensors", globs), str(target), Disk(), force=force)


def test_tensors_come_out_as_the_libraries_read_them(model: Any, tmp_path: Path) -> None:
    write(model, tmp_path / "all.safetensors")
    found = load_file(tmp_path / "all.safetensors")
    assert found.keys() == {"l.0.a", "l.0.b", "l.1.a", "l[0]"}
    assert np.array_equal(found["l.1.a"], A * 2) and np.array_equal(found["l[0]"], HALF)
    write(model, tmp_path / "b.npy", "l.0.b")
    assert np.array_equal(np.load(tmp_path / "b.npy"), B)
    write(model, tmp_path / "a.npy", "l.0.a")
    assert np.array_equal(np.load(tmp_path / "a.npy"), A)


def test_a_file_that_is_there_stays_unless_told_otherwise(model: Any, tmp_path: Path) -> None:
    target = tmp_path / "a.npy"
    target.write_bytes(b"mine")
    with pytest.raises(UsageError, match="exists already"):
        write(model, target, "l.0.a")
    assert target.read_bytes() == b"mine"
    write(model, target, "l.0.a", force=True)
    assert np.array_equal(np.load(target), A)


@pytest.mark.parametrize(
    ("target", "globs", "error"),
    [
        ("a.npy", ("*.a",), UsageError),
        ("a.npy", ("l[0]",), UnsupportedDtype),
        ("a.bin", ("l.0.a",), UsageError),
    ],
)
def test_what_no_file_of_that_kind_holds_is_refused(
    model: Any, tmp_path: Path, target: str, globs: tuple[str, ...], error: type[MvcError]
) -> None:
    with pytest.raises(error):
        write(model, tmp_path / target, *globs)
    assert not list(tmp_path.iterdir())


def test_a_tensor_that_can_not_be_read_leaves_no_file(model: Any, tmp_path: Path) -> None:
    model.lose(B)
    with pytest.raises(MissingObject):
        write(model, tmp_path / "all.safetensors")
    assert not list(tmp_path.iterdir())
