"""The cast codec knows the float formats by heart, on every value that they have."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mvc.errors import CorruptPack
from mvc.store.codecs import cast

TO_BF16, TO_F16, FROM_BF16, FROM_F16 = 0x12, 0x13, 0x21, 0x31


def through(raw: bytes, base: bytes, param: int) -> int | None:
    out = memoryview(bytearray(max(len(raw), 1)))
    size = cast.encode(memoryview(raw), param, out, memoryview(base))
    if size is not None:
        back = bytearray(b"\xa5" * len(raw))
        cast.decode(out[:size], param, memoryview(back), memoryview(base))
        assert bytes(back) == raw
    return size


@pytest.mark.parametrize("param", [TO_BF16, TO_F16])
def test_every_half_word_is_found_from_the_float_that_it_is(param: int) -> None:
    halves = np.arange(1 << 16, dtype="<u4")
    if param == TO_BF16:
        floats, nan = halves << 16, halves & 0x7FFF > 0x7F80
    else:
        with np.errstate(invalid="ignore"):
            floats = halves.astype("<u2").view("<f2").astype("<f4").view("<u4")
        nan = halves & 0x7FFF > 0x7C00
    wide, narrow = floats[~nan].tobytes(), halves[~nan].astype("<u2").tobytes()
    assert through(narrow, wide, param) == 4
    assert through(wide, narrow, FROM_BF16 if param == TO_BF16 else FROM_F16) == 4


def test_ties_go_to_even_and_what_is_too_large_becomes_infinite() -> None:
    base = np.array([0x3F808000, 0x3F818000, 0x3F808001, 0x7F7FFFFF, 0x80000001], "<u4").tobytes()
    raw = np.array([0x3F80, 0x3F82, 0x3F81, 0x7F80, 0x8000], "<u2").tobytes()
    assert through(raw, base, TO_BF16) == 4


def test_wrong_guesses_are_listed() -> None:
    values = np.random.default_rng(0).normal(0, 1, 5000).astype("<f4")
    raw = values.astype("<f2").view("<u2").copy()
    raw[[0, 77, 4999]] ^= 1
    assert through(raw.tobytes(), values.tobytes(), TO_F16) == 4 + 3 * 6
    assert through(raw[::-1].tobytes(), values.tobytes(), TO_F16) is None


@given(
    payload=st.binary(max_size=60),
    count=st.integers(0, 9),
    param=st.sampled_from([TO_BF16, TO_F16, FROM_BF16, FROM_F16]),
)
def test_a_payload_that_it_never_wrote_is_refused_or_fills_the_frame(
    payload: bytes, count: int, param: int
) -> None:
    under, width = cast.widths(param)
    out = memoryview(bytearray(count * width))
    try:
        cast.decode(memoryview(payload), param, out, memoryview(bytes(count * under)))
    except CorruptPack:
        return


@pytest.mark.parametrize("param", [0, 0x11, 0x22, 0x23, 0x32, 0x14, 0x112])
def test_other_parameters_are_refused(param: int) -> None:
    with pytest.raises(CorruptPack, match="parameter"):
        cast.decode(memoryview(bytes(4)), param, memoryview(bytearray(8)), memoryview(bytes(8)))


def test_without_a_base_it_neither_encodes_nor_decodes() -> None:
    raw = memoryview(bytes(8))
    assert cast.encode(raw, TO_BF16, memoryview(bytearray(8))) is None
    for base in (None, memoryview(bytes(8))):
        with pytest.raises(CorruptPack, match="base"):
            cast.decode(memoryview(bytes(4)), TO_BF16, memoryview(bytearray(8)), base)
