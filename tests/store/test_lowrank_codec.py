"""The lowrank codec predicts a merged LoRA, leaves over little, and gives back whatever it was given."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mvc.errors import CorruptPack
from mvc.store import factors
from mvc.store.codecs import ROTATED, Place, delta, lowrank
from mvc.store.codecs.quantizing import BF16, F16, F32, WIDTHS, narrowed

ROWS, COLUMNS = 150, 320
FORMS = {"F32": F32, "BF16": BF16, "F16": F16}


def weights(seed: int = 0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return (draw.standard_t(5, (ROWS, COLUMNS)) * 0.02).astype("<f4")


def stored(values: np.ndarray, form: int) -> bytes:
    if form == F16:
        return values.astype("<f2").tobytes()
    words = narrowed(values.astype("<f4"), form)
    return words.tobytes() if form == F32 else (words.view("<u4") >> 16).astype("<u2").tobytes()


def merged(form: int, rank: int = 8, size: float = 0.01, seed: int = 0) -> tuple[bytes, bytes]:
    """A weight with a product of this rank added, and the weight."""
    draw, before = np.random.default_rng(seed), narrowed(weights(seed), form)
    change = draw.normal(0, 1, (ROWS, rank)) @ draw.normal(0, 1, (rank, COLUMNS))
    change *= size * np.linalg.norm(before) / np.linalg.norm(change)
    return stored(before + change.astype("<f4"), form), stored(before, form)


WEIGHT = b"\x17" * 32


def found(raw: bytes, base: bytes, form: int) -> tuple[int, bytes | None]:
    low = factors.low(memoryview(raw), memoryview(base), form, COLUMNS)
    if low is None:
        return 0, None
    right = factors.right(memoryview(raw), memoryview(base), form, COLUMNS, low.rank)
    return low.rank, lowrank.factor(right, WEIGHT)


def through(raw: bytes, base: bytes, form: int, start: int = 0) -> int | None:
    """What the codec takes over factor and weight, having given back the frame."""
    out = memoryview(bytearray(len(raw)))
    place = Place(start)
    size = lowrank.encode(memoryview(raw), 16 * form, out, memoryview(base), place)
    if size is not None:
        back = bytearray(b"\xa5" * len(raw))
        lowrank.decode(out[:size], 16 * form, memoryview(back), memoryview(base))
        assert bytes(back) == raw
    return size


def by_delta(raw: bytes, base: bytes, form: int) -> int:
    out = memoryview(bytearray(len(raw)))
    size = delta.encode(memoryview(raw), WIDTHS[form] | ROTATED, out, memoryview(base))
    assert size is not None
    return size


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("rank", [2, 8, 24])
def test_a_merged_lora_is_found_and_costs_less_than_the_delta(form: int, rank: int) -> None:
    raw, base = merged(form, rank)
    number, right = found(raw, base, form)
    assert rank <= number <= rank + 1
    assert right is not None
    size = through(raw, right + base, form)
    assert size is not None
    assert size < (0.5 if rank < 24 else 0.75) * by_delta(raw, base, form)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("step", [1e-6, 1e-4, 1e-2])
def test_training_of_all_weights_is_no_change_of_low_rank(form: int, step: float) -> None:
    values = weights()
    trained = values + np.random.default_rng(1).normal(0, step, values.shape).astype("<f4")
    assert found(stored(trained, form), stored(values, form), form)[0] == 0
    assert found(stored(values, form), stored(values, form), form)[0] == 0


@pytest.mark.parametrize(("columns", "step"), [(384, 9.6e-5), (1024, 8.8e-5), (1024, 9.2e-5)])
def test_a_change_just_above_rounding_in_every_direction_is_none_of_low_rank(
    columns: int, step: float
) -> None:
    draw = np.random.default_rng(3)
    before = narrowed(draw.normal(0, 0.02, (128, columns)).astype("<f4"), BF16)
    after = before + draw.normal(0, step, before.shape).astype("<f4")
    pair = memoryview(stored(after, BF16)), memoryview(stored(before, BF16))
    assert factors.low(*pair, BF16, columns) is None


def test_a_factor_is_looked_for_where_it_may_save_more_than_it_takes() -> None:
    assert factors.Low(8, 1.5).pays(384, 384, 3.3)
    assert not factors.Low(36, 1.2).pays(384, 384, 3.3)
    assert factors.Low(36, 1.2).pays(4096, 4096, 3.3)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("start", [0, 7, 320, 1000])
@pytest.mark.parametrize("length", [1, 5, 319, 320, 321, 4000])
def test_a_frame_may_begin_and_end_anywhere(form: int, start: int, length: int) -> None:
    raw, base = merged(form)
    _, right = found(raw, base, form)
    assert right is not None
    part = slice(start * WIDTHS[form], (start + length) * WIDTHS[form])
    size = through(raw[part], right + base[part], form, part.start)
    assert length < 4000 or size is not None


def test_words_that_are_no_numbers_come_back() -> None:
    raw, base = merged(F32)
    odd = [np.frombuffer(one, "<f4").copy() for one in (raw, base)]
    odd[0][[3, 400]], odd[0][9] = [np.nan, -np.inf], -0.0
    odd[1][[4, 400]], odd[1][9] = [-np.nan, np.inf], -0.0
    _, right = found(raw, base, F32)
    assert right is not None
    assert through(odd[0].tobytes(), right + odd[1].tobytes(), F32) is not None


@settings(max_examples=40, deadline=None)
@given(
    form=st.sampled_from([F32, BF16, F16]),
    seed=st.integers(0, 2**32),
    count=st.integers(1, 900),
    rank=st.integers(1, 6),
    columns=st.integers(1, 400),
    start=st.integers(0, 10**6),
    largest=st.sampled_from([0, 1, 1000, lowrank.LARGEST]),
)
def test_whatever_it_encodes_comes_back(
    form: int, seed: int, count: int, rank: int, columns: int, start: int, largest: int
) -> None:
    draw = np.random.default_rng(seed)
    right = lowrank.factor(draw.integers(-largest, largest + 1, (rank, columns)), WEIGHT)
    raw = draw.bytes(count * WIDTHS[form])
    base = draw.bytes(len(raw)) if seed % 2 else raw
    through(raw, right + base, form, start * WIDTHS[form])


def test_the_sum_of_products_is_exact_at_the_largest_factors() -> None:
    right = np.full((lowrank.RANKS, 64), float(lowrank.LARGEST))
    right[:, ::2] -= 1
    left = np.full((3, lowrank.RANKS), float(lowrank.LARGEST))
    exact = [[int(a @ b.astype(object)) for b in right.T] for a in left.astype(object)]
    assert (left @ right).astype(object).tolist() == exact
    assert max(map(max, exact)) <= 2**53


@pytest.mark.parametrize("param", [0, 0x11, 0x40, 0x120])
def test_other_parameters_are_refused(param: int) -> None:
    with pytest.raises(CorruptPack, match="parameter"):
        lowrank.decode(memoryview(bytes(40)), param, memoryview(bytearray(8)), memoryview(bytes(8)))


@pytest.mark.parametrize(
    "right",
    [
        b"",
        bytes(8),
        b"\1\0\0\0\0\0\0\0" + WEIGHT,
        b"\1\0\1\0\1\0\0\0" + WEIGHT + bytes(4),
        b"\x41\0\0\0\1\0\0\0" + WEIGHT + bytes(4 * 65),
        b"\1\0\0\0\2\0\0\0" + WEIGHT + bytes(4),
        b"\1\0\0\0\1\0\0\0" + WEIGHT + b"\xff\xff\xff\xff",
    ],
)
def test_what_is_no_factor_is_refused(right: bytes) -> None:
    base = memoryview(right + bytes(40))
    with pytest.raises(CorruptPack):
        lowrank.decode(memoryview(bytes(60)), 16 * F32, memoryview(bytearray(40)), base)


@settings(max_examples=60)
@given(payload=st.binary(max_size=150), length=st.integers(0, 40))
def test_a_payload_that_it_never_wrote_is_refused(payload: bytes, length: int) -> None:
    base = memoryview(lowrank.factor(np.ones((2, 5), np.int64), WEIGHT) + bytes(4 * length))
    with pytest.raises(CorruptPack):
        lowrank.decode(memoryview(payload), 16 * F32, memoryview(bytearray(4 * length)), base)


def test_every_flipped_byte_is_refused_or_decodes_in_bounds() -> None:
    raw, base = merged(BF16)
    _, right = found(raw, base, BF16)
    assert right is not None
    raw, under = raw[:3000], memoryview(right + base[:3000])
    out = bytearray(len(raw))
    size = lowrank.encode(memoryview(raw), 16 * BF16, memoryview(out), under, Place(0))
    assert size is not None
    for position in range(size):
        payload = bytearray(out[:size])
        payload[position] ^= 0xFF
        back = bytearray(b"\xa5" * (len(raw) + 16))
        with contextlib.suppress(CorruptPack):
            lowrank.decode(memoryview(payload), 16 * BF16, memoryview(back)[8:-8], under)
        assert back[:8] == back[-8:] == b"\xa5" * 8
