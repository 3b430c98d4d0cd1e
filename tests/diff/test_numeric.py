"""The streamed numbers equal those computed on whole arrays, for every dtype and every odd value."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mvc.arrays import numpy_dtype, to_numpy, unpack
from mvc.diff import narrow, wide
from mvc.diff.numeric import Scratch, TensorStats, comparable, compare
from mvc.dtypes import DTYPES
from mvc.errors import CorruptPack

INTEGERS = {"BOOL", "U8", "I8", "U16", "I16", "U32", "I32", "U64", "I64"}
#: Whether the oracle's squares of any F64 fit; on some systems longdouble is float64.
WIDE_ORACLE = np.finfo(np.longdouble).maxexp > 2 * 1024


def pieces(data: bytes, size: int = 1 << 20) -> Iterator[memoryview]:
    """Pieces in one reused buffer, so that whoever holds on to one is found out."""
    buffer = bytearray(max(1, min(size, len(data))))
    for start in range(0, len(data), size):
        part = data[start : start + size]
        buffer[:] = b"\xff" * len(buffer)
        buffer[: len(part)] = part
        yield memoryview(buffer)[: len(part)]


def codes(dtype: str, data: bytes) -> np.ndarray:
    """The elements as unsigned integers, those of complex numbers one after the other."""
    flat = np.frombuffer(data, np.uint8)
    return unpack(dtype, flat) if DTYPES[dtype].bits < 8 else flat.view(f"<u{DTYPES[dtype].word}")


def numbers(dtype: str, data: bytes) -> np.ndarray:
    if dtype == "BOOL":
        return np.frombuffer(data, np.uint8).astype(np.longdouble)
    if dtype == "C64":
        return np.frombuffer(data, "<f4").astype(np.longdouble)
    count = len(data) * 8 // DTYPES[dtype].bits
    array = to_numpy(dtype, (count,), data)
    # longdouble has no cast from ml_dtypes; float64 holds all of theirs.
    return (array if array.dtype.kind in "iuf" else array.astype(np.float64)).astype(np.longdouble)


def position(dtype: str, code: int) -> int:
    """Where a finite element stands among the values of its dtype; both zeros stand at 0."""
    if dtype in INTEGERS:
        kind = numpy_dtype("U8" if dtype == "BOOL" else dtype)
        return int(np.array([code], f"<u{kind.itemsize}").view(kind)[0])
    bits = min(DTYPES[dtype].bits, 8 * DTYPES[dtype].word)
    if dtype == "F8_E8M0" or not code >> (bits - 1):
        return code
    return -(code & ((1 << (bits - 1)) - 1))


def oracle(dtype: str, old: bytes, new: bytes) -> TensorStats:
    with np.errstate(all="ignore"):
        a, b = numbers(dtype, old), numbers(dtype, new)
        elements = len(a) // 2 if dtype == "C64" else len(a)
        whole = np.frombuffer(old, "V8") if dtype == "C64" else codes(dtype, old)
        whole_b = np.frombuffer(new, "V8") if dtype == "C64" else codes(dtype, new)
        keep = np.isfinite(a) & np.isfinite(b)
        u, v = a[keep], b[keep]
        old_norm, new_norm = np.sqrt((u * u).sum()), np.sqrt((v * v).sum())
        distance = np.sqrt(((v - u) ** 2).sum())
        steps = [
            abs(position(dtype, int(y)) - position(dtype, int(x)))
            for x, y in {*zip(codes(dtype, old)[keep], codes(dtype, new)[keep], strict=True)}
        ]
        return TensorStats(
            elements=elements,
            changed=int((whole != whole_b).sum()),
            relative_l2=0.0 if not distance else float(distance / old_norm) if old_norm else None,
            cosine=float((u * v).sum() / old_norm / new_norm) if old_norm and new_norm else None,
            max_abs=float(np.abs(v - u).max()) if keep.any() else None,
            max_ulp=max(steps, default=None),
            old_norm=float(old_norm),
            new_norm=float(new_norm),
            old_nonfinite=int((~np.isfinite(a)).sum()),
            new_nonfinite=int((~np.isfinite(b)).sum()),
        )


def assert_close(found: TensorStats, expected: TensorStats) -> None:
    for name in ("elements", "changed", "max_ulp", "old_nonfinite", "new_nonfinite"):
        assert getattr(found, name) == getattr(expected, name), name
    for name in ("relative_l2", "cosine", "max_abs", "old_norm", "new_norm"):
        x, y = getattr(found, name), getattr(expected, name)
        assert (x is None) == (y is None), name
        if x is not None:
            absolute = 1e-11 if name == "cosine" else 0.0
            assert math.isclose(x, y, rel_tol=1e-11, abs_tol=absolute), (name, x, y)


@dataclass(frozen=True)
class Pair:
    dtype: str
    old: bytes
    new: bytes


#: Words of 64 bits that hold special values of each width: zeros of both signs, subnormals, the largest
#: numbers, infinities, NaNs of several payloads, one.
SPECIAL = [
    *(0, 1 << 63, 1, 1 << 63 | 1, (1 << 52) - 1, 0x7FEF << 48, 0x7FF0 << 48, 0xFFF0 << 48),
    *(0x7FF8 << 48, 0x7FF8 << 48 | 1, 0x3FF0 << 48, 0x3F800000 << 32 | 0x7F800000),
    *(0x7F7FFFFF << 32 | 0xFF800000, 0x7FC00001 << 32 | 0x80000001, 0x8000 << 48 | 0x7C00FC00),
    *(0x7E007BFF << 32 | 0x80010001, 0x7F80FF80 << 32 | 0x7FC13F80, 0x80FF7F7E << 32 | 0x7C7DFEFF),
    *((1 << 64) - 1, (1 << 63) - 1),
]


@st.composite
def tensor_pairs(draw: st.DrawFn) -> Pair:
    dtype = draw(st.sampled_from(sorted(DTYPES)))
    # 24 bytes are whole elements of every dtype.
    words = st.one_of(st.sampled_from(SPECIAL), st.integers(0, 2**64 - 1))
    count = 3 * draw(st.integers(0, 12))
    old = draw(st.lists(words, min_size=count, max_size=count))
    new = [draw(words) if draw(st.booleans()) else word for word in old]
    encode = lambda row: b"".join(word.to_bytes(8, "little") for word in row)  # noqa: E731
    return Pair(dtype, encode(old), encode(new))


@given(tensor_pairs(), st.integers(1, 50), st.integers(1, 50))
def test_numbers_equal_those_of_whole_arrays(pair: Pair, old_cut: int, new_cut: int) -> None:
    assume(pair.dtype != "F64" or WIDE_ORACLE)
    found = compare(pair.dtype, pieces(pair.old, old_cut), pieces(pair.new, new_cut))
    assert_close(found, oracle(pair.dtype, pair.old, pair.new))


@pytest.mark.parametrize("dtype", sorted(DTYPES))
def test_numbers_over_many_blocks_equal_those_of_whole_arrays(
    dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kernel in (narrow, wide):
        monkeypatch.setattr(kernel, "BLOCK", 1 << 14)
    generator = np.random.default_rng(5)
    elements = 3 * (1 << 14) + 24
    size = elements * DTYPES[dtype].bits // 8
    old = generator.integers(0, 256, size, dtype=np.uint8)
    if dtype == "F64":
        old.view(np.uint64)[:] = generator.standard_normal(elements).view(np.uint64)
        if WIDE_ORACLE:
            old.view(np.float64)[: elements // 3] *= 1e-250
            old.view(np.float64)[-elements // 3 :] *= 1e250
    new = old.copy()
    touched = generator.random(size) < 0.2
    touched[: size // 2] = False
    new[touched] ^= 1
    found = compare(dtype, pieces(old.tobytes(), 10_001), pieces(new.tobytes(), 7_777))
    expected = oracle(dtype, old.tobytes(), new.tobytes())
    assert_close(found, expected)


def floats(*values: float) -> bytes:
    return np.array(values, "<f4").tobytes()


def test_one_nan_leaves_the_other_numbers_alone() -> None:
    stats = compare("F32", pieces(floats(3, 4, math.nan, 1)), pieces(floats(3, 4, 7, math.inf)))
    assert (stats.old_nonfinite, stats.new_nonfinite) == (1, 1)
    assert (stats.changed, stats.elements, stats.changed_share) == (2, 4, 0.5)
    assert (stats.old_norm, stats.relative_l2, stats.max_abs, stats.max_ulp) == (5.0, 0.0, 0.0, 0)


def test_another_nan_payload_and_another_zero_are_changed_elements() -> None:
    old = np.array([0x7FC00000, 0x00000000], "<u4").tobytes()
    new = np.array([0x7FC00001, 0x80000000], "<u4").tobytes()
    stats = compare("F32", pieces(old), pieces(new))
    assert (stats.changed, stats.max_abs, stats.max_ulp) == (2, 0.0, 0)


def test_a_tensor_that_was_zero_has_no_relative_difference() -> None:
    stats = compare("F32", pieces(floats(0, 0)), pieces(floats(0, 2)))
    assert (stats.relative_l2, stats.cosine, stats.max_abs) == (None, None, 2.0)
    assert compare("F32", pieces(floats(0)), pieces(floats(-0.0))).relative_l2 == 0.0


def test_nothing_finite_means_no_largest_difference() -> None:
    stats = compare("F32", pieces(floats(math.nan)), pieces(floats(1)))
    assert (stats.max_abs, stats.max_ulp, stats.relative_l2, stats.cosine) == (
        None,
        None,
        0.0,
        None,
    )


def test_an_empty_tensor_has_no_change() -> None:
    for dtype in DTYPES:
        stats = compare(dtype, iter([]), iter([memoryview(b"")]))
        assert (stats.elements, stats.changed, stats.changed_share) == (0, 0, 0.0)


def test_the_largest_integers_keep_their_exact_distance() -> None:
    old = np.array([-(2**63), 2**62], "<i8").tobytes()
    new = np.array([2**63 - 1, 2**62 + 1], "<i8").tobytes()
    assert compare("I64", pieces(old), pieces(new)).max_ulp == 2**64 - 1


def test_squares_beyond_float64_do_not_overflow() -> None:
    old, new = np.array([3e200, 4e200]).tobytes(), np.array([3e200, -4e200]).tobytes()
    stats = compare("F64", pieces(old), pieces(new))
    assert math.isclose(stats.old_norm, 5e200)
    assert math.isclose(stats.relative_l2 or 0, 1.6)
    assert math.isclose(stats.cosine or 0, -7 / 25)


def test_a_cast_is_compared_by_value() -> None:
    values = np.array([1.0, 1 / 3, math.nan, -0.0], "<f4")
    cast = values.astype(numpy_dtype("BF16"))
    stats = compare("F32", pieces(values.tobytes()), pieces(cast.tobytes()), new_dtype="BF16")
    assert (stats.changed, stats.max_ulp, stats.old_nonfinite, stats.new_nonfinite) == (
        1,
        None,
        1,
        1,
    )
    assert stats.max_abs == abs(float(cast[1]) - float(values[1]))


@pytest.mark.parametrize("dtype", sorted(set(DTYPES) - {"C64"}))
def test_every_dtype_is_compared_with_f64_by_value(dtype: str) -> None:
    data = bytes(range(24)) * 10
    values = numbers(dtype, data).astype(np.float64)
    stats = compare(dtype, pieces(data, 7), pieces(values.tobytes(), 9), new_dtype="F64")
    assert (stats.elements, stats.changed, stats.relative_l2) == (len(values), 0, 0.0)


def test_which_pairs_of_dtypes_have_numbers() -> None:
    assert comparable("F32", "BF16")
    assert comparable("C64", "C64")
    assert not comparable("C64", "F32")
    assert not comparable("F32", "Q4_K")


@pytest.mark.parametrize(
    ("dtype", "old", "new"), [("F32", 8, 4), ("U8", 8, 4), ("F32", 6, 6), ("F6_E2M3", 4, 4)]
)
def test_sides_of_different_length_are_refused(dtype: str, old: int, new: int) -> None:
    with pytest.raises(CorruptPack):
        compare(dtype, pieces(bytes(old)), pieces(bytes(new)))


def test_scratch_of_one_tensor_does_not_reach_the_next() -> None:
    scratch = Scratch()
    generator = np.random.default_rng(3)
    for dtype in [*sorted(DTYPES), *sorted(DTYPES, reverse=True)]:
        old, new = generator.bytes(24 * 50), generator.bytes(24 * 50)
        expected = compare(dtype, pieces(old, 11), pieces(new, 1000))
        assert compare(dtype, pieces(old, 11), pieces(new, 1000), scratch=scratch) == expected


def test_memory_does_not_grow_with_the_tensor() -> None:
    data = bytes(1 << 20)
    tracemalloc.start()
    try:
        for dtype in ("BF16", "F64", "F6_E2M3"):
            compare(
                dtype, (memoryview(data) for _ in range(48)), (memoryview(data) for _ in range(48))
            )
        assert tracemalloc.get_traced_memory()[1] < 24 << 20
    finally:
        tracemalloc.stop()


def test_norms_far_apart_leave_the_cosine_its_digits() -> None:
    old, new = np.array([1e-9, 0.0]), np.array([1.0, 1.0])
    stats = compare("F64", iter([old.data]), iter([new.data]))
    assert stats.cosine == pytest.approx(math.sqrt(0.5), rel=1e-12)
