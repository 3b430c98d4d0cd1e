"""The mask codec gives back a pruned tensor, whatever pruned it, and takes little where magnitude did."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mvc.errors import CorruptPack
from mvc.store.codecs import ROTATED, mask
from mvc.store.kernel import native
from mvc.store.kernel.array_masker import NumpyMasker
from mvc.store.kernel.masking import Masker
from mvc.store.kernel.native_masker import NativeMasker

WIDTHS = (2, 4, 8)
LIBRARY = native.library()
MASKERS: list[Masker] = [NumpyMasker(), *([NativeMasker(LIBRARY)] if LIBRARY else [])]
SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, 1e-7, 6e4, 1.0, -1.0])


def weights(count: int, width: int, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).standard_t(5, count) * 0.02
    return values.astype(f"<f{width}")


def through(raw: np.ndarray, base: np.ndarray, tail: bytes = b"") -> float | None:
    """The share of its bytes that the codec takes; None when it sees no gain."""
    param = raw.dtype.itemsize | ROTATED
    data, under = raw.tobytes() + tail, base.tobytes() + tail
    out = memoryview(bytearray(len(data)))
    size = mask.encode(memoryview(data), param, out, memoryview(under))
    if size is None:
        return None
    back = bytearray(b"\xa5" * len(data))
    mask.decode(out[:size], param, memoryview(back), memoryview(under))
    assert bytes(back) == data
    return size / len(data)


def magnitude(values: np.ndarray) -> np.ndarray:
    return abs(values) > np.median(abs(values))


def by_rows(values: np.ndarray) -> np.ndarray:
    """Weighted by inputs, the half of each row that counts least: as Wanda prunes."""
    score = (abs(values) * np.random.default_rng(1).uniform(0.5, 1.5, len(values))).reshape(-1, 128)
    return (score > np.median(score, axis=1, keepdims=True)).ravel()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("keeps_sign", [True, False])
@pytest.mark.parametrize(("pruner", "bound"), [(magnitude, 0.004), (by_rows, 0.05)])
def test_a_half_pruned_tensor_costs_little(width: int, keeps_sign: bool, pruner, bound) -> None:  # type: ignore[no-untyped-def]
    base = weights(128 * 400, width)
    kept = pruner(base)
    raw = base * kept if keeps_sign else np.where(kept, base, base.dtype.type(0))
    share = through(raw, base, b"x")
    assert share is not None
    assert share < bound


@pytest.mark.parametrize("width", WIDTHS)
def test_both_zeros_and_changed_words_come_back(width: int) -> None:
    base = np.tile(SPECIAL, 300).astype(f"<f{width}")
    raw = np.where(np.arange(len(base)) % 3 == 0, base, np.copysign(0, base)).astype(base.dtype)
    raw[::50] = 7
    raw[1::50] = -raw[1::50]
    assert through(raw, base) is not None


@pytest.mark.parametrize("keeps_sign", [True, False])
@pytest.mark.parametrize("width", WIDTHS)
def test_a_zero_of_a_word_that_had_changed_its_sign_comes_back(
    width: int, keeps_sign: bool
) -> None:
    base = weights(10_000, width)
    changed = np.where(np.arange(len(base)) % 40 == 0, -base, base)
    kept = magnitude(base)
    raw = changed * kept if keeps_sign else np.where(kept, changed, base.dtype.type(0))
    raw[:80] = np.where(np.arange(80) % 2, base.dtype.type(0), -base.dtype.type(0))
    assert through(raw.astype(base.dtype), base) is not None


@settings(max_examples=40)
@given(
    width=st.sampled_from(WIDTHS),
    seed=st.integers(0, 2**32),
    count=st.integers(1, 3000),
    share=st.floats(0, 1),
    wrong=st.integers(0, 40),
)
def test_any_mask_with_any_mistakes_comes_back(
    width: int, seed: int, count: int, share: float, wrong: int
) -> None:
    draw = np.random.default_rng(seed)
    base = np.frombuffer(draw.bytes(count * width), f"<f{width}")
    raw = np.where(draw.random(count) < share, np.copysign(0, base), base).astype(base.dtype)
    changed = raw.view(f"<u{width}").copy()
    changed[draw.integers(0, count, wrong)] ^= 1
    through(changed.view(raw.dtype), base)


def test_what_is_not_pruned_is_left_to_others() -> None:
    base = weights(10_000, 4)
    assert through(base, base) is None
    assert through(weights(10_000, 4, 1) * magnitude(base), base) is None
    out = memoryview(bytearray(400))
    assert mask.encode(memoryview(bytes(400)), 4 | ROTATED, out) is None
    assert mask.encode(memoryview(bytes(400)), 4, out, memoryview(bytes(400))) is None


@settings(max_examples=60)
@given(payload=st.binary(max_size=200), length=st.integers(0, 400), width=st.sampled_from(WIDTHS))
def test_a_payload_that_it_never_wrote_is_refused(payload: bytes, length: int, width: int) -> None:
    base = memoryview(bytes(length))
    with pytest.raises(CorruptPack):
        mask.decode(memoryview(payload), width | ROTATED, memoryview(bytearray(length)), base)


def test_every_flipped_byte_is_refused_or_decodes_in_bounds() -> None:
    base = weights(3000, 4)
    raw = (base * by_rows(base[: 128 * 23]).repeat(2)[:3000]).tobytes()
    out = bytearray(len(raw))
    size = mask.encode(memoryview(raw), 4 | ROTATED, memoryview(out), memoryview(base.tobytes()))
    assert size is not None
    for position in range(size):
        payload = bytearray(out[:size])
        payload[position] ^= 0xFF
        back = bytearray(b"\xa5" * (len(raw) + 16))
        with contextlib.suppress(CorruptPack):
            mask.decode(
                memoryview(payload),
                4 | ROTATED,
                memoryview(back)[8:-8],
                memoryview(base.tobytes()),
            )
        assert back[:8] == back[-8:] == b"\xa5" * 8


@settings(max_examples=60)
@given(
    width=st.sampled_from(WIDTHS),
    seed=st.integers(0, 2**32),
    count=st.integers(1, 900),
    share=st.floats(0, 1),
    wrong=st.integers(0, 60),
    keeps=st.booleans(),
    threshold=st.one_of(st.integers(0, 2**64 - 1), st.none()),
)
def test_both_maskers_find_the_same(
    width: int,
    seed: int,
    count: int,
    share: float,
    wrong: int,
    keeps: bool,
    threshold: int | None,
) -> None:
    draw = np.random.default_rng(seed)
    base = np.resize(np.concatenate([weights(count, width), SPECIAL]), count).astype(f"<f{width}")
    raw = np.where(draw.random(count) < share, np.copysign(0, base), base).astype(base.dtype)
    words = raw.view(f"<u{width}").copy()
    words[draw.integers(0, count, wrong)] = draw.integers(0, 3, wrong) << (8 * width - 2)
    mine, under = memoryview(words.tobytes()), memoryview(base.tobytes())
    found = []
    for one in MASKERS:
        survey, best = one.survey(mine, under, width), one.threshold(mine, under, width)
        limit = best if threshold is None else threshold
        tokens, listed = memoryview(bytearray(count)), memoryview(bytearray(len(mine)))
        number = one.tokens(mine, under, width, limit, keeps, tokens, listed)
        assert number is not None
        listed = listed[: number * width]
        if number:
            less = listed[:-width]
            assert one.tokens(mine, under, width, limit, keeps, tokens, less) is None
            back = memoryview(bytearray(len(mine)))
            one.tokens(mine, under, width, limit, keeps, tokens, listed)
            assert not one.words(tokens, under, width, limit, keeps, less, back)
        back = memoryview(bytearray(len(mine)))
        assert one.words(tokens, under, width, limit, keeps, listed, back)
        assert back == mine
        more = memoryview(bytes(len(listed) + width))
        assert not one.words(tokens, under, width, limit, keeps, more, back)
        found.append((survey, best, bytes(tokens), bytes(listed)))
    assert found[0] == found[-1]


def test_no_masker_takes_a_token_that_there_is_not() -> None:
    under, out, nothing = memoryview(bytes(800)), memoryview(bytearray(800)), memoryview(b"")
    for one in MASKERS:
        assert one.words(memoryview(bytes(400)), under, 2, 0, True, nothing, out)
        assert not one.words(memoryview(bytes(399) + b"\x04"), under, 2, 0, True, nothing, out)


@pytest.mark.skipif(LIBRARY is None, reason="no C compiler at installation")
def test_a_buffer_that_is_too_short_never_reaches_the_compiled_code() -> None:
    assert LIBRARY is not None
    one = NativeMasker(LIBRARY)
    four, eight = (memoryview(bytearray(size)) for size in (4, 8))
    for call in (
        lambda: one.survey(eight, four, 2),
        lambda: one.threshold(eight, four, 2),
        lambda: one.tokens(eight, four, 2, 0, True, four, four),
        lambda: one.tokens(four, eight, 2, 0, True, four, four),
        lambda: one.words(four, four, 2, 0, True, four, eight),
        lambda: one.words(four, eight, 2, 0, True, four, four),
    ):
        with pytest.raises(ValueError, match=r"where \d+ are needed"):
            call()
