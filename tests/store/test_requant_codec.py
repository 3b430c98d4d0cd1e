"""The requant codec finds how common quantizers made integers of floats, and gives them back bit for bit."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mvc.errors import CorruptPack
from mvc.store.codecs import REQUANT, Place, base_span, requant
from mvc.store.codecs.quantizing import BF16, F16, F32, narrowed

ROW, COUNT = 96, 96 * 150
FORMS = {"F32": F32, "BF16": BF16, "F16": F16}
f32 = np.float32


def weights(form: str = "F32", seed: int = 0, count: int = COUNT) -> np.ndarray:
    values = np.random.default_rng(seed).standard_t(5, count).astype("<f4") * f32(0.02)
    return narrowed(values, FORMS[form])


def stored(values: np.ndarray, form: str) -> bytes:
    if form == "F16":
        return values.astype("<f2").tobytes()
    return (
        (values.view("<u4") >> 16).astype("<u2").tobytes() if form == "BF16" else values.tobytes()
    )


def through(raw: bytes, base: bytes, param: int, start: int = 0, row: int = ROW) -> int | None:
    """What the codec takes, having given back the frame; None when it finds no recipe."""
    out = memoryview(bytearray(len(raw)))
    size = requant.encode(memoryview(raw), param, out, memoryview(base), Place(start, (row,)))
    if size is not None:
        back = bytearray(b"\xa5" * len(raw))
        requant.decode(out[:size], param, memoryview(back), memoryview(base))
        assert bytes(back) == raw
    return size


def rows(values: np.ndarray, row: int = ROW) -> np.ndarray:
    return values.reshape(-1, row)


def largest(values: np.ndarray) -> np.ndarray:
    return abs(values).max(axis=-1, keepdims=True)


def byte(integers: np.ndarray) -> bytes:
    return integers.astype(np.int16).astype(np.uint8).tobytes()


def spread(values: np.ndarray, low: int, high: int) -> np.ndarray:
    least, most = values.min(-1, keepdims=True), values.max(-1, keepdims=True)
    scale = (most - least) / f32(high - low)
    return np.clip(np.rint(values / scale) + low - np.rint(least / scale), low, high)


QUANTIZERS = {
    "a scale for the tensor": lambda v: np.rint(v / (abs(v).max() / f32(127))),
    "a scale for each row": lambda v: np.rint(v / (largest(v) / f32(127))),
    "127.5 steps": lambda v: np.clip(np.rint(v / (largest(v) / f32(127.5))), -128, 127),
    "128 steps": lambda v: np.clip(np.rint(v / (largest(v) / f32(128))), -128, 127),
    "times 127 over the largest": lambda v: np.rint(v * (f32(127) / largest(v))),
    "times the inverse scale": lambda v: np.rint(v * (f32(1) / (largest(v) / f32(127)))),
    "times the reciprocal": lambda v: np.rint(v * (f32(1) / largest(v) * f32(127))),
    "normalised first": lambda v: np.rint(v / largest(v) * f32(127)),
    "halves away from zero": lambda v: np.copysign(
        np.floor(abs(v / (largest(v) / f32(127))) + f32(0.5)), v
    ),
    "zero at 128": lambda v: np.rint(v / (largest(v) / f32(127))) + 128,
    "spread over the bytes": lambda v: spread(v, 0, 255),
    "spread over signed bytes": lambda v: spread(v, -128, 127),
    "the tensor spread": lambda v: spread(v.reshape(1, -1), 0, 255),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", QUANTIZERS)
def test_what_a_quantizer_makes_costs_its_recipe(name: str, form: str) -> None:
    values = weights(form)
    raw = byte(QUANTIZERS[name](rows(values)))
    size = through(raw, stored(values, form), 16 * FORMS[form] + requant.BYTES)
    assert size is not None
    assert size < 0.01 * len(raw)


@pytest.mark.parametrize("form", ["BF16", "F16"])
@pytest.mark.parametrize("quotient", [True, False])
@pytest.mark.parametrize("together", [True, False])
def test_steps_in_the_floats_own_format_are_known(
    form: str, quotient: bool, together: bool
) -> None:
    values = weights(form)
    block = rows(values, COUNT if together else ROW)
    scale = narrowed(largest(block) / f32(127), FORMS[form])
    ratio = narrowed(block / scale, FORMS[form]) if quotient else block / scale
    raw = byte(np.clip(np.rint(ratio), -128, 127))
    size = through(raw, stored(values, form), 16 * FORMS[form] + requant.BYTES)
    assert size is not None
    assert size < 0.01 * len(raw)


def test_scales_that_do_not_follow_are_listed_and_what_they_cut_is_known() -> None:
    values = weights()
    scale = largest(rows(values)) * np.random.default_rng(1).uniform(0.6, 0.9, (COUNT // ROW, 1))
    raw = byte(np.clip(np.rint(rows(values) / scale.astype(f32) * f32(127)), -127, 127))
    size = through(raw, values.tobytes(), 16 * F32 + requant.BYTES)
    assert size is not None
    assert size < 0.04 * len(raw)


@pytest.mark.parametrize("order", [requant.LOW_FIRST, requant.HIGH_FIRST])
@pytest.mark.parametrize("group", [32, 128])
@pytest.mark.parametrize("signed", [True, False])
def test_two_integers_a_byte_in_groups(order: int, group: int, signed: bool) -> None:
    values = weights(count=128 * 300)
    block = rows(values, group)
    integers = np.clip(np.rint(block / (largest(block) / f32(7))), -8, 7) + (0 if signed else 8)
    halves = integers.astype(np.int16).astype(np.uint8).reshape(-1, 2) & 15
    first, second = halves.T if order == requant.LOW_FIRST else halves.T[::-1]
    raw = (first | second << 4).astype(np.uint8).tobytes()
    size = through(raw, values.tobytes(), 16 * F32 + order)
    assert size is not None
    assert size < 0.01 * len(raw)


@pytest.mark.parametrize("start", [1, 95, 96, 1000])
@pytest.mark.parametrize("length", [1, 50, 96, 97, 5000])
def test_a_frame_may_begin_and_end_anywhere(start: int, length: int) -> None:
    values = weights()
    raw = byte(np.rint(rows(values) / (largest(rows(values)) / f32(127))))
    part, under = raw[start : start + length], values[start : start + length].tobytes()
    size = through(part, under, 16 * F32 + requant.BYTES, start)
    assert length < 5000 or (size is not None and size < 90)


def test_integers_that_came_out_otherwise_are_listed_while_they_are_few() -> None:
    values = weights()
    integers = np.rint(rows(values) / (largest(rows(values)) / f32(127))).ravel()
    raw = bytearray(byte(integers))
    for position in range(0, COUNT, 700):
        raw[position] ^= 1
    size = through(bytes(raw), values.tobytes(), 16 * F32 + requant.BYTES)
    assert size is not None
    assert size < 200 + 5 * 30
    noise = np.rint(integers + np.random.default_rng(1).normal(0, 1, COUNT)).clip(-127, 127)
    assert through(byte(noise), values.tobytes(), 16 * F32 + requant.BYTES) is None


def test_floats_that_are_no_numbers_and_rows_of_zeros_come_back() -> None:
    values = weights()
    values[: 3 * ROW] = 0
    values[5 * ROW], values[6 * ROW], values[7 * ROW] = np.nan, np.inf, -np.inf
    values[8 * ROW : 9 * ROW] = np.linspace(-1e-40, 1e-40, ROW)
    with np.errstate(all="ignore"):
        quotient = rows(values) / (largest(rows(values)) / f32(127))
        raw = byte(np.nan_to_num(np.rint(quotient), posinf=127, neginf=-127).clip(-127, 127))
    through(raw, values.tobytes(), 16 * F32 + requant.BYTES)


@settings(max_examples=60, deadline=None)
@given(
    form=st.sampled_from(sorted(FORMS)),
    packing=st.sampled_from([requant.BYTES, requant.LOW_FIRST, requant.HIGH_FIRST]),
    seed=st.integers(0, 2**32),
    length=st.integers(1, 700),
    content=st.sampled_from(["noise", "weights", "constant"]),
    row=st.integers(1, 300),
    start=st.integers(0, 5000),
)
def test_whatever_it_encodes_comes_back(
    form: str, packing: int, seed: int, length: int, content: str, row: int, start: int
) -> None:
    draw = np.random.default_rng(seed)
    param = 16 * FORMS[form] + packing
    wide, _ = requant.widths(param)
    count = length * (1 if packing == requant.BYTES else 2)
    base = draw.bytes(length * wide)
    if content != "noise":
        base = stored(weights(form, seed, count), form)
    raw = draw.bytes(length)
    if content == "constant":
        raw = raw[:1] * length
    elif content == "weights" and packing == requant.BYTES:
        raw = byte(np.rint(weights(form, seed, count) * f32(400)).clip(-128, 127))
    through(raw, base, param, start, row)


def test_without_a_base_or_a_place_it_neither_encodes_nor_decodes() -> None:
    raw, param = memoryview(bytes(range(64))), 16 * F32 + requant.BYTES
    out = memoryview(bytearray(64))
    assert requant.encode(raw, param, out, None, Place(0, (8,))) is None
    assert requant.encode(raw, param, out, memoryview(bytes(256))) is None
    assert requant.encode(raw, param, out, memoryview(bytes(255)), Place(0)) is None
    for base in (None, memoryview(bytes(64))):
        with pytest.raises(CorruptPack, match="base"):
            requant.decode(memoryview(bytes(60)), param, out, base)


@pytest.mark.parametrize("param", [0, 0x01, 0x10, 0x14, 0x41, 0x111])
def test_other_parameters_are_refused(param: int) -> None:
    with pytest.raises(CorruptPack, match="parameter"):
        requant.decode(memoryview(bytes(40)), param, memoryview(bytearray(8)), memoryview(bytes(8)))
    with pytest.raises(CorruptPack, match="parameter"):
        base_span(REQUANT, param, 0, 8)


def test_it_stands_on_the_floats_of_its_own_elements() -> None:
    assert base_span(REQUANT, 16 * F32 + requant.BYTES, 100, 50) == (400, 200)
    assert base_span(REQUANT, 16 * BF16 + requant.LOW_FIRST, 100, 50) == (400, 200)
    assert requant.parameter("F32", 4) == (0x11,)
    assert requant.parameter("BF16", 4) == (0x22, 0x23)
    for base, ratio in (("F32", 3.99), ("F32", 2), ("BF16", 1), ("I8", 4), (None, 4), ("F16", 0)):
        assert requant.parameter(base, ratio) == ()


@settings(max_examples=80)
@given(
    payload=st.binary(max_size=120),
    length=st.integers(0, 40),
    param=st.sampled_from([0x11, 0x12, 0x13, 0x21, 0x32]),
)
def test_a_payload_that_it_never_wrote_is_refused(payload: bytes, length: int, param: int) -> None:
    base = memoryview(bytes(length * requant.widths(param)[0]))
    with pytest.raises(CorruptPack):
        requant.decode(memoryview(payload), param, memoryview(bytearray(length)), base)


@pytest.mark.parametrize("listed", [False, True])
def test_every_flipped_byte_is_refused_or_decodes_in_bounds(listed: bool) -> None:
    values = weights(count=ROW * 12)
    raw = byte(spread(rows(values), 0, 255) if listed else spread(values[None], 0, 255))
    raw = bytes([raw[0] ^ 1]) + raw[1:]
    out = bytearray(len(raw))
    param, base = 16 * F32 + requant.BYTES, memoryview(values.tobytes())
    size = requant.encode(memoryview(raw), param, memoryview(out), base, Place(0, (ROW,)))
    assert size is not None
    for position in range(size):
        for flip in (0x01, 0x80, 0xFF):
            payload = bytearray(out[:size])
            payload[position] ^= flip
            back = bytearray(b"\xa5" * (len(raw) + 16))
            with contextlib.suppress(CorruptPack):
                requant.decode(memoryview(payload), param, memoryview(back)[8:-8], base)
            assert back[:8] == back[-8:] == b"\xa5" * 8
