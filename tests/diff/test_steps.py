"""Steps between values of a dtype, where few and where many numbers changed their sign."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from mvc.arrays import to_bytes
from mvc.diff.numeric import compare

DRAW = np.random.default_rng(0)


def steps(old: np.ndarray, new: np.ndarray) -> int | None:
    dtype, _, before = to_bytes(old)
    return compare(dtype, iter([memoryview(before)]), iter([memoryview(to_bytes(new)[2])])).max_ulp


def ladder(array: np.ndarray) -> np.ndarray:
    """The place of each value among those of its dtype, −0 and +0 being one."""
    width = array.dtype.itemsize
    bits = array.view(f"<i{width}").astype(object)
    return np.array([-(b & (2 ** (8 * width - 1) - 1)) if b < 0 else b for b in bits], object)


@pytest.mark.parametrize("flips", [0, 1, 40, 2000])
@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, "f2", "f4", "f8"])
def test_they_are_counted_through_zero(dtype: str, flips: int) -> None:
    old = DRAW.normal(size=2000).astype(dtype)
    new = (old * 1.01).astype(dtype)
    new[:flips] = -new[:flips]
    assert steps(old, new) == max(abs(ladder(new) - ladder(old)))


def test_the_zeros_are_one_value() -> None:
    zeros = np.zeros(100, "f4")
    assert steps(zeros, -zeros) == 0
    tiny = np.full(100, np.finfo("f4").smallest_subnormal)
    assert steps(-tiny, tiny) == 2


@pytest.mark.parametrize("dtype", ["i2", "i8", "u8"])
def test_integers_are_as_far_apart_as_they_are(dtype: str) -> None:
    ends = np.iinfo(dtype)
    old, new = np.array([ends.min, 5, 7], dtype), np.array([ends.max, 5, 9], dtype)
    assert steps(old, new) == ends.max - ends.min
