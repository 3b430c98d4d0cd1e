"""A change of dtype alone is told from a change of values."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from mvc.arrays import to_bytes
from mvc.diff.numeric import compare

DRAW = np.random.default_rng(0)
VALUES = np.concatenate([DRAW.normal(size=5000), [0, -0.0, 65504, 1e-7, 0.5 + 2**-9, np.nan]])


def cast(old: np.ndarray, new: np.ndarray) -> str | None:
    sides = [to_bytes(array) for array in (old, new)]
    pieces: list[Any] = [iter([memoryview(side[2])]) for side in sides]
    return compare(sides[0][0], *pieces, new_dtype=sides[1][0]).cast


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("f8", "f4"),
        ("f4", "f2"),
        ("f4", ml_dtypes.bfloat16),
        ("f4", ml_dtypes.float8_e4m3fn),
        ("f4", ml_dtypes.float8_e5m2),
        (ml_dtypes.bfloat16, "f2"),
        (ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn),
        ("f2", ml_dtypes.bfloat16),
    ],
)
def test_a_copy_of_fewer_bits_is_rounded(source: Any, target: Any) -> None:
    with np.errstate(over="ignore"):
        old = VALUES.astype(source)
        new = old.astype(target)
    assert cast(old, new) == "rounded"
    other = new.copy()
    other[7] = 3
    assert cast(old, other) is None


@pytest.mark.parametrize(("source", "target"), [("f4", "f8"), (ml_dtypes.bfloat16, "f4")])
def test_a_copy_of_more_bits_is_exact(source: Any, target: Any) -> None:
    old = VALUES.astype(source)
    assert cast(old, old.astype(target)) == "exact"
    assert cast(old, old.astype(target) + 1) is None


def test_truncation_is_no_rounding() -> None:
    old = VALUES.astype("f4")
    truncated = (old.view("<u4") >> 16).astype("<u2").view(ml_dtypes.bfloat16)
    assert cast(old, truncated) is None


def test_ties_go_to_even_and_overflow_to_infinity() -> None:
    old = np.array([1 + 2**-8, 1 + 3 * 2**-8, 3.4e38], "f4")
    assert cast(old, np.array([1, 1 + 2**-6, np.inf], ml_dtypes.bfloat16)) == "rounded"
    assert cast(old, np.array([1 + 2**-7, 1 + 2**-6, np.inf], ml_dtypes.bfloat16)) is None


def test_one_dtype_is_no_cast() -> None:
    old = VALUES.astype("f4")
    assert cast(old, old) is None
