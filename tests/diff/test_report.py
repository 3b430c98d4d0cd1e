"""The values behind a page: portraits, spectra, layers, and keys of configurations."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mvc.arrays import to_bytes
from mvc.diff.grid import place
from mvc.diff.keys import KeyChange, key_changes
from mvc.diff.models import compare_sides
from mvc.diff.portraits import Portrait, portray
from mvc.diff.report import ModelReport, report
from mvc.diff.scratch import Scratch
from mvc.diff.spectrum import Spectrum, spectrum

Side = Callable[[], Any]
DRAW = np.random.default_rng(0)


def portrait(old: np.ndarray, new: np.ndarray) -> Portrait:
    (dtype, _, before), (other, _, after) = to_bytes(old), to_bytes(new)
    pieces = (iter([memoryview(before)]), iter([memoryview(after)]))
    return portray((dtype, other), *pieces, Scratch())


def singular(old: np.ndarray, new: np.ndarray, cut: int = 1 << 16) -> Spectrum | None:
    (dtype, shape, before), (other, _, after) = to_bytes(old), to_bytes(new)

    def pieces(data: bytes) -> Any:
        return (memoryview(data)[at : at + cut] for at in range(0, len(data), cut))

    scale = float(np.nanmax(np.abs(new.astype("f8") - old.astype("f8"))))
    sides = (dtype, other), (shape[0], shape[1])
    return spectrum(*sides, lambda: (pieces(before), pieces(after)), scale, Scratch())


# ---- portraits


def test_differences_are_counted_by_size_and_sign() -> None:
    old = np.zeros(8, "f4")
    new = np.array([0, 0.5, 0.75, -0.5, 4, -1e-30, np.nan, np.inf], "f4")
    found = portrait(old, new)
    bins = {one.exponent: (one.negative, one.positive) for one in found.bins}
    assert (bins[-1], bins[2]) == ((1, 2), (0, 1))
    assert found.bins[0].negative == 1, "smaller ones are in the first"
    assert len(found.bins) == 24
    assert (found.elements, found.equal) == (8, 1)
    assert (found.old_zeros, found.new_zeros) == (8, 1)


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", ml_dtypes.bfloat16, "i4", "u1", "c8"])
def test_every_number_is_somewhere(dtype: str) -> None:
    old, new = (DRAW.integers(0, 100, 200_000).astype(dtype) for _ in range(2))
    found = portrait(old, new)
    counted = found.equal + sum(one.negative + one.positive for one in found.bins)
    assert counted == found.elements == old.size * (2 if dtype == "c8" else 1)


def test_an_unchanged_tensor_has_no_bins() -> None:
    assert portrait(np.ones(3), np.ones(3)).bins == ()


# ---- spectra


@pytest.mark.parametrize("shape", [(7, 5), (5, 7), (3000, 12), (12, 3000), (1, 9)])
@pytest.mark.parametrize("dtype", ["f4", ml_dtypes.bfloat16])
def test_the_singular_values_are_those_of_the_change(shape: tuple[int, int], dtype: str) -> None:
    old, new = (DRAW.normal(size=shape).astype(dtype) for _ in range(2))
    found = singular(old, new)
    wanted = np.linalg.svd(new.astype("f8") - old.astype("f8"), compute_uv=False)
    assert found is not None
    np.testing.assert_allclose(found.values, wanted, rtol=1e-6)
    assert (found.size, found.complete) == (min(shape), True)
    share = wanted / wanted.sum()
    assert found.effective_rank == pytest.approx(np.exp(-(share * np.log(share)).sum()))
    assert found.stable_rank == pytest.approx((wanted**2).sum() / wanted[0] ** 2)


def test_a_change_of_low_rank_is_seen_as_one() -> None:
    old = DRAW.normal(size=(200, 90))
    new = old + DRAW.normal(size=(200, 3)) @ DRAW.normal(size=(3, 90))
    found = singular(old, new)
    assert found is not None
    assert found.effective_rank is not None
    assert 2 < found.effective_rank < 3.1
    assert found.rank90 is not None
    assert found.rank90 <= 3


def test_of_a_large_matrix_the_largest_are_estimated_from_below() -> None:
    old = np.zeros((1100, 1300), "f4")
    strong = DRAW.normal(size=(1100, 5)) @ DRAW.normal(size=(5, 1300))
    new = (strong + 0.01 * DRAW.normal(size=old.shape)).astype("f4")
    found = singular(old, new)
    wanted = np.linalg.svd(new.astype("f8"), compute_uv=False)
    assert found is not None
    assert not found.complete
    assert found.effective_rank is None
    assert len(found.values) == 64
    np.testing.assert_allclose(found.values[:5], wanted[:5], rtol=1e-4)
    assert all(one <= other * (1 + 1e-9) for one, other in zip(found.values, wanted, strict=False))
    assert found.rank90 is not None
    assert found.rank90 <= 5


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_no_scale_overflows(scale: float) -> None:
    found = singular(np.zeros((4, 3)), DRAW.normal(size=(4, 3)) * scale)
    assert found is not None
    assert math.isfinite(found.values[0])
    assert found.values[0] == pytest.approx(scale, rel=10)


def test_what_is_not_finite_counts_as_no_change() -> None:
    new = np.ones((4, 3))
    new[2, 1] = np.nan
    found = singular(np.zeros((4, 3)), new)
    assert found is not None
    assert np.square(found.values).sum() == pytest.approx(11)


def test_no_change_has_no_spectrum() -> None:
    assert singular(np.ones((3, 3)), np.ones((3, 3))) is None


# ---- layers


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("model.layers.12.mlp.up.weight", (12, "model.layers.*.mlp.up.weight")),
        ("layers.3.experts.7.w1", (3, "layers.*.experts.*.w1")),
        ("0.weight", (0, "*.weight")),
        ("embed.weight", None),
        ("layer_3.weight", None),
        ("l.²·.w", None),
        ("h.99999999999999999999.w", None),
        ("", None),
    ],
)
def test_the_first_number_of_a_name_is_the_layer(name: str, found: tuple[int, str] | None) -> None:
    assert place(name) == found


def one_model(side: Side, old: dict[str, Any], new: dict[str, Any], **asked: Any) -> ModelReport:
    before, after = side().add_model("m.pt", old), side().add_model("m.pt", new)
    (found,) = report(before, after, compare_sides(before, after), **asked).models
    return found


def test_the_grid_has_every_tensor_of_either_side(side: Side) -> None:
    old = {f"l.{n}.{part}": DRAW.normal(size=(2, 2)) for n in range(3) for part in "ab"}
    old["embed"] = np.ones(3)
    new = dict(old) | {"l.1.a": old["l.1.a"] * 2, "l.2.c": np.ones(1)}
    del new["l.0.b"]
    found = one_model(side, old, new)
    assert found.grid.layers == (0, 1, 2)
    assert found.grid.labels == ("a", "b", "c")
    statuses = {where: cell.status for where, cell in found.grid.cells.items()}
    assert statuses[0, "l.*.b"] == "removed"
    assert statuses[1, "l.*.b"] is None
    assert statuses[2, "l.*.c"] == "added"
    assert found.grid.cells[1, "l.*.a"].relative_l2 == pytest.approx(1)
    assert list(found.grid.outside) == ["embed"]
    assert found.unchanged == 5


def test_experts_share_a_cell(side: Side) -> None:
    old = {f"l.0.experts.{n}.w": np.full((2, 2), n + 1.0) for n in range(8)}
    new = old | {"l.0.experts.3.w": old["l.0.experts.3.w"] * 2}
    (cell,) = one_model(side, old, new).grid.cells.values()
    assert (cell.tensors, len(cell.changes), cell.status) == (8, 1, "changed")


def test_what_changed_most_comes_first_and_only_some_have_spectra(side: Side) -> None:
    old = {f"l.{n}": DRAW.normal(size=(4, 4)) for n in range(6)}
    new = {name: array + 10.0 ** -(n % 4) for n, (name, array) in enumerate(old.items())}
    new |= {"zero": np.ones(2)}
    found = one_model(side, old | {"zero": np.zeros(2)}, new, spectra=2)
    names = [found.change.tensors[n].name for n in found.order]
    assert names[0] == "zero", "from nothing to something"
    relative = [found.change.tensors[n].stats for n in found.order[1:]]
    values = [stats.relative_l2 for stats in relative if stats and stats.relative_l2]
    assert values == sorted(values, reverse=True)
    assert set(found.spectra) == set(found.order[1:3])
    assert set(found.portraits) == set(found.order)


# ---- keys


def test_keys_that_differ_are_listed_and_order_is_nothing() -> None:
    old = {"a": 1, "same": [1, 2], "deep": {"x": None, "y": "é"}, "items": [{"id": 1}]}
    new = {"same": [1, 2], "deep": {"x": 0, "y": "é"}, "items": [{"id": 2}], "b": {}}
    found = key_changes(json.dumps(old).encode(), json.dumps(new, indent=3).encode())
    assert found is not None
    assert found.changes == (
        KeyChange("a", "1", None),
        KeyChange("deep.x", "null", "0"),
        KeyChange("items.0.id", "1", "2"),
        KeyChange("b", None, "{}"),
    )
    assert (found.added, found.removed, found.changed) == (1, 1, 2)


def test_a_vocabulary_of_any_size_is_counted_and_cut() -> None:
    new = {"vocab": {f"t{n}": n for n in range(5000)}, "long": "x" * 9999}
    found = key_changes(b'{"vocab": {}}', json.dumps(new).encode())
    assert found is not None
    assert found.added == 5001
    assert len(found.changes) == 200
    assert max(len(one.new or "") for one in found.changes) < 200


@given(st.binary(max_size=40))
def test_what_is_no_document_has_no_keys(data: bytes) -> None:
    for text in (data, b"[1]", b"[" * 5000, b'{"a": NaN}', b'"text"'):
        assert key_changes(text, b"{}") is None or text.strip().startswith(b"{")


def test_equal_documents_have_no_changes() -> None:
    assert key_changes(b'{"a": 1.0}', b'{ "a": 1.0 }') is None


def test_a_tokenizer_that_is_kept_as_bytes_is_compared_too(side: Side) -> None:
    model = {"w": np.ones(1)}
    old = side().add_model("m.pt", model).add_bytes("tokenizer.json", b'{"a": 1}')
    new = side().add_model("m.pt", model).add_bytes("tokenizer.json", b'{"a": 2}')
    (found,) = report(old, new, compare_sides(old, new)).documents
    assert (found.path, found.keys.changes) == ("tokenizer.json", (KeyChange("a", "1", "2"),))
