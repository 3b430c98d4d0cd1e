from __future__ import annotations

import struct
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from merge.strategy_contract import StrategyContract, entry

from mvc.errors import UsageError
from mvc.merge import strategies
from mvc.merge.strategies.additive import Additive, total
from mvc.merge.strategies.average import _NUMBERS, Average, mean
from mvc.merge.strategies.base import Base
from mvc.merge.strategies.numbers import FLOATS
from mvc.merge.strategies.ours import Ours
from mvc.merge.strategies.strategy import Undecided
from mvc.merge.strategies.theirs import Theirs


class TestOurs(StrategyContract):
    subject = Ours()


class TestTheirs(StrategyContract):
    subject = Theirs()


class TestBase(StrategyContract):
    subject = Base()


class TestAverage(StrategyContract):
    subject = Average()


class TestAdditive(StrategyContract):
    subject = Additive()


numbers = pytest.mark.parametrize("dtype", _NUMBERS)


@numbers
@given(data=st.binary(min_size=0, max_size=64))
def test_the_average_of_equal_bits_is_those_bits(dtype: str, data: bytes) -> None:
    number = np.dtype(_NUMBERS[dtype])
    data = data[: len(data) // number.itemsize * number.itemsize]
    assert mean(data, data, number) == data


@numbers
@pytest.mark.filterwarnings("ignore:invalid value")  # signalling NaNs
@given(data=st.binary(min_size=32, max_size=32))
def test_the_average_is_the_exact_mean_rounded_to_nearest(dtype: str, data: bytes) -> None:
    number = np.dtype(_NUMBERS[dtype])
    ours, theirs = data[:16], data[16:]
    found = np.frombuffer(mean(ours, theirs, number), number).astype(np.float64)
    for a, b, m in zip(
        np.frombuffer(ours, number).astype(np.float64),
        np.frombuffer(theirs, number).astype(np.float64),
        found,
        strict=True,
    ):
        if not (np.isfinite(a) and np.isfinite(b)):
            continue
        exact = (Fraction(float(a)) + Fraction(float(b))) / 2
        for other in _neighbours(m, number):
            assert abs(Fraction(float(m)) - exact) <= abs(Fraction(float(other)) - exact)


def _neighbours(value: float, number: np.dtype[Any]) -> list[float]:
    bits = np.dtype(f"u{number.itemsize}")
    raw = int(np.array([value]).astype(number).view(bits)[0])
    top = 2 ** (8 * number.itemsize) - 1
    near = [
        np.array([n], bits).view(number).astype(np.float64)[0]
        for n in (raw - 1, raw + 1)
        if 0 <= n <= top
    ]
    return [float(n) for n in near if np.isfinite(n)]


def test_a_nan_keeps_its_payload_and_ours_wins() -> None:
    quiet, other = struct.pack("<I", 0x7FC01234), struct.pack("<I", 0xFFC0ABCD)
    one = struct.pack("<f", 1.0)
    f32 = np.dtype(np.float32)
    assert mean(quiet, one, f32) == quiet
    assert mean(one, other, f32) == other
    assert mean(quiet, other, f32) == quiet


def test_huge_numbers_have_a_mean() -> None:
    for number in (np.float64, np.float32, np.float16, ml_dtypes.bfloat16):
        top = np.array([ml_dtypes.finfo(number).max], number)
        under = np.array([float(top[0]) / 2], number)
        found = np.frombuffer(mean(top.tobytes(), under.tobytes(), np.dtype(number)), number)
        assert found[0] == np.array([float(top[0]) * 0.75]).astype(number)[0]


def test_infinities_that_cancel_give_a_nan() -> None:
    sides = [np.array([value], np.float32).tobytes() for value in (np.inf, -np.inf)]
    assert np.isnan(np.frombuffer(mean(sides[0], sides[1], np.dtype(np.float32)), np.float32))[0]


@pytest.mark.parametrize(
    ("ours", "theirs", "reason"),
    [
        (entry("I64", (1,), b"a" * 8), entry("I64", (1,), b"b" * 8), "is I64"),
        (entry("BOOL", (1,), b"\0"), entry("BOOL", (1,), b"\1"), "is BOOL"),
        (entry("F4", (2,), b"a"), entry("F4", (2,), b"b"), "is F4"),
        (entry("F32", (1,), b"a" * 4), entry("F16", (1,), b"bb"), "F16"),
        (entry("F32", (1,), b"a" * 4), entry("F32", (2,), b"b" * 8), r"\[2\]"),
        (None, entry("F32", (1,), b"a" * 4), "deleted"),
    ],
)
def test_what_has_no_average_stays_undecided_and_says_why(
    ours: Any, theirs: Any, reason: str
) -> None:
    verdict = Average().settle(None, ours, theirs)
    assert isinstance(verdict, Undecided)
    assert reason.replace("\\", "") in verdict.reason


def test_every_strategy_goes_by_its_own_name() -> None:
    assert [strategies.named(name).name for name in strategies.STRATEGIES] == list(
        strategies.STRATEGIES
    )


def test_an_unknown_strategy_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match="nothing") as caught:
        strategies.named("nothing")
    assert "average" in (caught.value.hint or "")


@pytest.mark.parametrize("dtype", FLOATS)
@given(data=st.binary(min_size=96, max_size=96))
def test_a_difference_is_added_with_one_rounding_and_where_it_is_none_bits_stay(
    dtype: str, data: bytes
) -> None:
    """Equal bits on two sides give the third's, whatever they are; else the sum, told with fractions."""
    number = np.dtype(FLOATS[dtype])
    bits = np.dtype(f"<u{number.itemsize}")
    sides = (data[:32], data[32:64], data[64:])
    for same in [(0, 1, 0), (0, 0, 1), (0, 1, 1)]:
        base, ours, theirs = (sides[one] for one in same)
        wanted = {(0, 1, 0): ours, (0, 0, 1): theirs}.get(same)
        if wanted is not None:
            assert total((base, ours, theirs), dtype=dtype) == wanted
    with np.errstate(all="ignore"):
        wide = [np.frombuffer(side, number).astype(np.float64) for side in sides]
        found = np.frombuffer(total(sides, dtype=dtype), number).astype(np.float64)
        largest = float(ml_dtypes.finfo(number).max)
        compute = np.finfo(np.float64 if dtype == "F64" else np.float32)
        words = [np.frombuffer(side, bits) for side in sides]
        for n, (b, o, t) in enumerate(zip(*wide, strict=True)):
            if not np.isfinite([b, o, t]).all() or words[0][n] in (words[1][n], words[2][n]):
                continue
            exact = Fraction(o) + (Fraction(t) - Fraction(b))
            size = max(abs(Fraction(v)) for v in (b, o, t)) * 3
            if size > Fraction(largest) / 2:
                continue
            near = float(ml_dtypes.finfo(number).eps) * abs(exact)
            floor = Fraction(float(ml_dtypes.finfo(number).smallest_subnormal))
            slack = near + floor + size * Fraction(float(compute.eps)) * 2
            assert abs(Fraction(found[n]) - exact) <= slack


def test_a_difference_of_bf16_is_rounded_once() -> None:
    """1 + (1 + 2^-7 - 1 - 2^-7 / 2 …): in BF16 steps the difference alone would be lost."""
    number = np.dtype(ml_dtypes.bfloat16)
    sides = [np.array([v], number) for v in (256.0, 1.0, 258.0)]
    result = np.frombuffer(total(tuple(s.tobytes() for s in sides), dtype="BF16"), number)
    assert float(result[0]) == 3.0
    sides = [np.array([v], number) for v in (1.0, 256.0, 1.0078125)]
    result = np.frombuffer(total(tuple(s.tobytes() for s in sides), dtype="BF16"), number)
    assert float(result[0]) == 256.0


def test_what_has_no_difference_stays_a_conflict() -> None:
    one, other = entry("I64", (1,), b"1" * 8), entry("F32", (2,), b"2" * 8)
    assert isinstance(Additive().settle(one, one, one), Undecided)
    assert isinstance(Additive().settle(None, other, other), Undecided)
    assert isinstance(Additive().settle(other, None, other), Undecided)
    assert isinstance(Additive().settle(one, other, other), Undecided)
