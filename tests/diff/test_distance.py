"""The compiled sums and those of NumPy say the same of the same numbers."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mvc.diff import wide
from mvc.diff.distance import measure
from mvc.diff.numeric import TensorStats, compare

pytestmark = pytest.mark.skipif(measure("F32") is None, reason="no C compiler at installation")

_EXACT = ("elements", "changed", "max_abs", "max_ulp", "old_nonfinite", "new_nonfinite", "cast")


def stats(dtype: str, old: bytes, new: bytes, *, compiled: bool) -> TensorStats:
    with pytest.MonkeyPatch.context() as patch:
        if not compiled:
            patch.setattr(wide, "measure", lambda dtype: None)
        return compare(dtype, iter([memoryview(old)]), iter([memoryview(new)]))


def require_same(dtype: str, old: bytes, new: bytes) -> None:
    ours, theirs = (asdict(stats(dtype, old, new, compiled=one)) for one in (True, False))
    for name, value in theirs.items():
        exact = name in _EXACT or value is None
        wanted = value if exact else pytest.approx(value, rel=1e-12, abs=1e-12 * (name == "cosine"))
        assert ours[name] == wanted, name


@pytest.mark.parametrize("dtype", ["BF16", "F32"])
@given(words=st.lists(st.tuples(*[st.integers(0, 2**32 - 1)] * 2), max_size=40))
@example(words=[(0x80000000, 0), (0, 0x80000000), (0x7F7FFFFF, 0xFF7FFFFF), (1, 0x80000001)])
@example(words=[(0x7F800000, 0x7FC00000), (0x3F800000, 0x3F800000)])
def test_any_bits_have_the_same_numbers(dtype: str, words: list[tuple[int, int]]) -> None:
    shift, kind = (16, "<u2") if dtype == "BF16" else (0, "<u4")
    old, new = (np.array([pair[n] >> shift for pair in words], kind).tobytes() for n in (0, 1))
    require_same(dtype, old, new)


@pytest.mark.parametrize("dtype", ["BF16", "F32"])
@pytest.mark.parametrize("count", [1, 511, 512, 513, 300_001])
def test_lengths_around_the_chunks_have_the_same_numbers(dtype: str, count: int) -> None:
    draw = np.random.default_rng(count)
    old = draw.normal(0, 0.02, count).astype("<f4")
    new = np.where(draw.random(count) < 0.5, old, old * np.float32(1.01)).astype("<f4")
    if dtype == "F32":
        require_same(dtype, old.tobytes(), new.tobytes())
    else:
        halves = [(one.view("<u4") >> 16).astype("<u2") for one in (old, new)]
        require_same(dtype, halves[0].tobytes(), halves[1].tobytes())


def test_buffers_of_different_length_never_reach_the_kernel() -> None:
    found = measure("F32")
    assert found is not None
    with pytest.raises(ValueError, match="a buffer of 4 bytes where 8 are needed"):
        found.between(np.zeros(8, np.uint8), np.zeros(4, np.uint8))
