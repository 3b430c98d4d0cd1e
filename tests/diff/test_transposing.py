"""Turned matrices are told from changed ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mvc.diff.models import compare_sides

Side = Callable[[], Any]
DRAW = np.random.default_rng(0)


def statuses(side: Side, old: dict[str, Any], new: dict[str, Any], **asked: Any) -> dict[str, str]:
    before, after = side().add_model("m.pt", old), side().add_model("m.pt", new)
    difference = compare_sides(before, after, **asked)
    return {tensor.name: tensor.status for model in difference.models for tensor in model.tensors}


@pytest.mark.parametrize("shape", [(2, 2), (3, 5), (40, 40), (300, 500), (2, 70_000)])
@pytest.mark.parametrize("dtype", ["u1", "f2", "f4", "f8", "c8"])
def test_a_turned_matrix_is_transposed(side: Side, shape: tuple[int, int], dtype: str) -> None:
    matrix = DRAW.integers(0, 200, shape).astype(dtype)
    assert statuses(side, {"w": matrix}, {"w": matrix.T.copy()}) == {"w": "transposed"}


def test_under_another_name_too(side: Side) -> None:
    matrix = DRAW.normal(size=(8, 12)).astype("f4")
    found = statuses(side, {"c_fc.weight": matrix}, {"fc1.weight": matrix.T.copy()})
    assert found == {"fc1.weight": "transposed"}


def test_one_other_element_far_from_the_corner_makes_it_changed(side: Side) -> None:
    matrix = DRAW.normal(size=(90, 70)).astype("f4")
    turned = matrix.T.copy()
    turned[-1, -1] += 1
    assert statuses(side, {"w": matrix}, {"w": turned}) == {"w": "changed"}
    assert statuses(side, {"w": matrix}, {"v": turned}) == {"w": "removed", "v": "added"}


def test_equal_elements_at_other_places_are_no_transposition(side: Side) -> None:
    matrix = np.zeros((64, 64), "f4")
    matrix[50, 60] = 1
    other = np.zeros((64, 64), "f4")
    other[61, 50] = 1
    assert statuses(side, {"w": matrix}, {"w": other}) == {"w": "changed"}


def test_vectors_and_reshaped_tensors_are_not_looked_at(side: Side) -> None:
    row = np.arange(6, dtype="f4")
    found = statuses(side, {"w": row.reshape(1, 6)}, {"w": row.reshape(6, 1)})
    assert found == {"w": "changed"}


def test_without_numbers_nothing_is_read_and_nothing_is_transposed(side: Side) -> None:
    matrix = DRAW.normal(size=(3, 5)).astype("f4")
    found = statuses(side, {"w": matrix}, {"w": matrix.T.copy()}, numeric=False)
    assert found == {"w": "changed"}


@given(st.integers(2, 40), st.integers(2, 40), st.integers(0, 2**32))
def test_turning_twice_is_no_change(rows: int, columns: int, seed: int) -> None:
    """The digest of a matrix is that of its turned one read in turned order, and of no other."""
    from mvc.diff.changes import TensorVersion
    from mvc.diff.transposing import _digest
    from mvc.history.manifest import Entry
    from mvc.ids import ObjectId

    def digest(matrix: np.ndarray, turn: bool) -> int:
        entry = Entry("w", "U16", matrix.shape, ObjectId("0" * 64))
        return _digest(iter([memoryview(matrix.tobytes())]), TensorVersion("m", entry), turn)

    matrix = np.random.default_rng(seed).integers(0, 1 << 16, (rows, columns)).astype("u2")
    assert digest(matrix, False) == digest(matrix.T.copy(), True)
    shuffled = matrix.copy()
    shuffled[0, 0], shuffled[-1, -1] = matrix[-1, -1], matrix[0, 0]
    same = np.array_equal(shuffled, matrix)
    assert (digest(shuffled, False) == digest(matrix.T.copy(), True)) == same
