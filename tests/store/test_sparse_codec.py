"""The sparse codec says where few words changed, and by how much, whatever the words are."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mvc.errors import CorruptPack
from mvc.store.codecs import ROTATED, delta, sparse

WIDTHS = (1, 2, 4, 8)
SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, 1e-7, 6e4, 1.0, -1.0])


def words(count: int, width: int, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).standard_t(5, count) * 0.02
    if width == 1:
        return np.rint(values * 500).clip(-128, 127).astype("<i1").view("<u1")
    return values.astype(f"<f{width}").view(f"<u{width}")


def through(raw: np.ndarray, base: np.ndarray, ordered: bool, tail: bytes = b"") -> int | None:
    """What the codec takes, having given back the frame; None when it stands back."""
    param = raw.dtype.itemsize | (ROTATED if ordered else 0)
    data, under = raw.tobytes() + tail, base.tobytes() + b"\x5a" * len(tail)
    out = memoryview(bytearray(len(data)))
    size = sparse.encode(memoryview(data), param, out, memoryview(under))
    if size is not None:
        back = bytearray(b"\xa5" * len(data))
        sparse.decode(out[:size], param, memoryview(back), memoryview(under))
        assert bytes(back) == data
    return size


def by_delta(raw: np.ndarray, base: np.ndarray) -> int:
    out = memoryview(bytearray(raw.nbytes))
    param = raw.dtype.itemsize | ROTATED
    size = delta.encode(memoryview(raw.tobytes()), param, out, memoryview(base.tobytes()))
    assert size is not None
    return size


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("ordered", [False, True])
def test_one_word_in_ten_thousand_costs_half_of_what_a_delta_takes(
    width: int, ordered: bool
) -> None:
    base = words(100_000, width)
    raw = base.copy()
    raw[7::10_000] += 1
    size = through(raw, base, ordered, b"x" * (width - 1))
    assert size is not None
    assert size < by_delta(raw, base) / 2


@pytest.mark.parametrize("width", [2, 4])
def test_changed_rows_cost_their_own_words_alone(width: int) -> None:
    base = words(256 * 400, width)
    raw = base.reshape(400, 256).copy()
    raw[::37] += np.random.default_rng(1).integers(0, 4, (11, 256)).astype(raw.dtype)
    size = through(raw.ravel(), base, True)
    assert size is not None
    assert size < 0.6 * by_delta(raw.ravel(), base)


def test_changes_that_are_many_or_spread_evenly_are_left_to_others() -> None:
    base = words(100_000, 2)
    for share in (0.03, 0.5):
        raw = base + (np.random.default_rng(1).random(len(base)) < share).astype("<u2")
        assert through(raw, base, True) is None
    out = memoryview(bytearray(400))
    assert sparse.encode(memoryview(bytes(400)), 2, out) is None
    assert sparse.encode(memoryview(b""), 2, out, memoryview(b"")) is None


@pytest.mark.parametrize("width", [2, 4, 8])
def test_every_kind_of_float_comes_back(width: int) -> None:
    base = np.tile(SPECIAL, 500).astype(f"<f{width}").view(f"<u{width}")
    raw = base.copy()
    raw[100:200] = np.roll(base, 3)[100:200]
    raw[-1] ^= 1
    assert through(raw, base, True) is not None


@settings(max_examples=60, deadline=None)
@given(
    width=st.sampled_from(WIDTHS),
    ordered=st.booleans(),
    seed=st.integers(0, 2**32),
    count=st.integers(1, 3000),
    places=st.lists(st.integers(0, 2999), max_size=40),
    tail=st.binary(max_size=7),
)
def test_any_words_with_any_changes_come_back(
    width: int, ordered: bool, seed: int, count: int, places: list[int], tail: bytes
) -> None:
    draw = np.random.default_rng(seed)
    base = np.frombuffer(draw.bytes(count * width), f"<u{width}")
    raw = base.copy()
    at = [place % count for place in places]
    raw[at] = np.frombuffer(draw.bytes(len(at) * width), f"<u{width}")
    through(raw, base, ordered, tail[: width - 1])


@settings(max_examples=80)
@given(payload=st.binary(max_size=120), length=st.integers(0, 200), width=st.sampled_from(WIDTHS))
def test_a_payload_that_it_never_wrote_is_refused(payload: bytes, length: int, width: int) -> None:
    with pytest.raises(CorruptPack):
        base = memoryview(bytes(length))
        sparse.decode(memoryview(payload), width, memoryview(bytearray(length)), base)


@pytest.mark.parametrize("base", [None, b"", bytes(39), bytes(41)])
def test_without_its_base_nothing_is_decoded(base: bytes | None) -> None:
    view = None if base is None else memoryview(base)
    with pytest.raises(CorruptPack, match="base"):
        sparse.decode(memoryview(bytes(50)), 2, memoryview(bytearray(40)), view)


def test_every_flipped_byte_is_refused_or_decodes_in_bounds() -> None:
    base = words(3000, 4)
    raw = base.copy()
    raw[100:160] += 3
    raw[2999] ^= 5
    out = bytearray(raw.nbytes)
    under = memoryview(base.tobytes())
    size = sparse.encode(memoryview(raw.tobytes()), 4 | ROTATED, memoryview(out), under)
    assert size is not None
    for position in range(size):
        for flip in (0x01, 0x80, 0xFF):
            payload = bytearray(out[:size])
            payload[position] ^= flip
            back = bytearray(b"\xa5" * (raw.nbytes + 16))
            with contextlib.suppress(CorruptPack):
                sparse.decode(memoryview(payload), 4 | ROTATED, memoryview(back)[8:-8], under)
            assert back[:8] == back[-8:] == b"\xa5" * 8
