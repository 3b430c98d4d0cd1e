"""The numbers of one tensor equal those of NumPy on the whole array, for every dtype and every odd value."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mvc.arrays import to_numpy
from mvc.diff.scratch import Scratch
from mvc.diff.summing import TensorSummary, summarize
from mvc.dtypes import DTYPES
from mvc.errors import CorruptPack


def pieces(data: bytes, size: int) -> Iterator[memoryview]:
    """Pieces in one reused buffer, so that whoever holds on to one is found out."""
    buffer = bytearray(max(1, min(size, len(data))))
    for start in range(0, len(data), size):
        part = data[start : start + size]
        buffer[:] = b"\xff" * len(buffer)
        buffer[: len(part)] = part
        yield memoryview(buffer)[: len(part)]


def numbers(dtype: str, data: bytes) -> np.ndarray:
    with np.errstate(invalid="ignore"):  # a signalling NaN
        if dtype in ("BOOL", "C64"):
            return np.frombuffer(data, "u1" if dtype == "BOOL" else "<f4").astype(np.float64)
        return to_numpy(dtype, (len(data) * 8 // DTYPES[dtype].bits,), data).astype(np.float64)


def close(found: float | None, expected: float) -> bool:
    if found is None:
        return not math.isfinite(expected)
    return math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.binary(min_size=24, max_size=480), size=st.integers(1, 100))
def test_the_numbers_equal_those_of_the_whole_array(dtype: str, data: bytes, size: int) -> None:
    data = data[: len(data) // 24 * 24]
    found = summarize(dtype, pieces(data, size), Scratch())
    every = numbers(dtype, data)
    finite = every[np.isfinite(every)]
    assert found.elements == len(data) * 8 // DTYPES[dtype].bits
    assert found.zeros == np.count_nonzero(every == 0)
    assert (found.nan, found.infinite) == (np.isnan(every).sum(), np.isinf(every).sum())
    if not len(finite):
        assert found.min is found.max is found.mean is found.std is found.norm is None
        return
    assert (found.min, found.max) == (finite.min(), finite.max())
    # Beyond 1e±150 squares leave float64; the norm is told all the same.
    scale = float(np.abs(finite).max()) or 1.0
    assert close(found.norm and found.norm / scale, float(np.linalg.norm(finite / scale)))
    if 1e-150 < scale < 1e150:
        assert close(found.mean and found.mean / scale, float((finite / scale).mean()))
        assert close(found.std and found.std / scale, float((finite / scale).std()))


def test_a_mean_far_from_zero_leaves_the_deviation_its_digits() -> None:
    values = np.tile(np.array([1e9, 1e9 + 1]), 200_000)
    found = summarize("F64", pieces(values.tobytes(), 1 << 20), Scratch())
    assert found.std == pytest.approx(0.5, rel=1e-12)
    assert found.mean == 1e9 + 0.5


def test_an_empty_tensor_has_counts_and_no_numbers() -> None:
    found = summarize("F32", iter(()), Scratch())
    assert found == TensorSummary(0, 0, 0, 0, None, None, None, None, None)


def test_bytes_that_end_within_an_element_are_damage() -> None:
    with pytest.raises(CorruptPack):
        summarize("F32", pieces(b"\0" * 7, 100), Scratch())
