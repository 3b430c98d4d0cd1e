"""Every codec gives back what it was given, for every dtype, length and kind of content."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from mvc.dtypes import DTYPES
from mvc.errors import CorruptPack
from mvc.limits import FRAME
from mvc.store.codecs import MASK, PLANES, ROTATED, SPARSE, ZSTD, codec, may_gain, plan, planes

PARAMS = [(PLANES, word | turn) for word in (1, 2, 4, 8) for turn in (0, ROTATED)] + [(ZSTD, 0)]


def bf16(count: int, seed: int = 0) -> bytes:
    """Weights as a trained model has them."""
    words = np.random.default_rng(seed).normal(0, 0.02, count).astype("<f4").view("<u4")
    return ((words + 0x8000) >> 16).astype("<u2").tobytes()


def through(number: int, param: int, raw: bytes) -> bytes | None:
    """Encoded and decoded again; None when the codec sees no gain."""
    out = bytearray(len(raw))
    size = codec(number).encode(memoryview(raw), param, memoryview(out))
    if size is None:
        return None
    assert size < len(raw)
    back = bytearray(b"\xa5" * len(raw))
    codec(number).decode(memoryview(out)[:size], param, memoryview(back))
    return bytes(back)


CONTENT = {
    "zeros": bytes,
    "ones": lambda length: (b"\x80\x3f" * length)[:length],
    "counter": lambda length: np.arange(length, dtype="<u4").tobytes()[:length],
    "weights": lambda length: bf16(length)[:length],
    "noise": lambda length: np.random.default_rng(1).bytes(length),
    "special": lambda length: (
        np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, 1e-45, 3e38], "<f4").tobytes()
        * length
    )[:length],
}


@pytest.mark.parametrize(("number", "param"), PARAMS)
class TestCodecContract:
    """What any codec promises."""

    @pytest.mark.parametrize("length", [0, 1, 2, 3, 7, 8, 9, 255, 4096, 4097, 4099, 70_003])
    @pytest.mark.parametrize("content", ["zeros", "ones", "counter", "weights", "noise", "special"])
    def test_it_gives_back_what_it_was_given(
        self, number: int, param: int, content: str, length: int
    ) -> None:
        raw = CONTENT[content](length)
        assert through(number, param, raw) in (None, raw)

    def test_a_full_frame_of_repeats_becomes_small(self, number: int, param: int) -> None:
        raw = bytes(FRAME)
        out = bytearray(FRAME)
        size = codec(number).encode(memoryview(raw), param, memoryview(out))
        assert size is not None
        assert size < FRAME // 100

    def test_noise_is_refused(self, number: int, param: int) -> None:
        raw = np.random.default_rng(3).bytes(FRAME)
        assert through(number, param, raw) is None

    @given(raw=st.binary(max_size=600), repeats=st.integers(1, 40))
    def test_it_gives_back_any_bytes(
        self, number: int, param: int, raw: bytes, repeats: int
    ) -> None:
        data = raw * repeats
        assert through(number, param, data) in (None, data)

    @given(payload=st.binary(max_size=200), length=st.integers(0, 300))
    def test_a_payload_that_it_never_wrote_is_refused_or_fills_the_frame(
        self, number: int, param: int, payload: bytes, length: int
    ) -> None:
        out = memoryview(bytearray(length))
        try:
            codec(number).decode(memoryview(payload), param, out)
        except CorruptPack:
            return

    def test_every_flipped_byte_of_a_payload_is_refused_or_decodes_in_bounds(
        self, number: int, param: int
    ) -> None:
        raw = bf16(3000) + b"x"
        out = bytearray(len(raw))
        size = codec(number).encode(memoryview(raw), param, memoryview(out))
        assert size is not None
        for position in {*range(min(64, size)), *range(0, size, 11)}:
            payload = bytearray(out[:size])
            payload[position] ^= 0xFF
            try:
                codec(number).decode(memoryview(payload), param, memoryview(bytearray(len(raw))))
            except CorruptPack:
                continue


def test_every_dtype_has_a_plan_whose_codecs_exist_and_take_their_parameters() -> None:
    for dtype in [*DTYPES, None, "NEWER"]:
        for number, param in plan(dtype):
            assert through(number, param, bytes(5000)) == bytes(5000)


def test_trained_bf16_shrinks_to_its_exponents_entropy() -> None:
    raw = bf16(FRAME // 2)
    out = bytearray(FRAME)
    ((number, param),) = plan("BF16")
    size = codec(number).encode(memoryview(raw), param, memoryview(out))
    assert size is not None
    high = np.frombuffer(raw, "<u2") >> 7 & 0xFF
    share = np.bincount(high, minlength=256) / len(high)
    bound = (-(share[share > 0] * np.log2(share[share > 0])).sum() / 8 + 1) / 2
    assert size / FRAME < bound * 1.01  # Huffman codes take whole bits


@pytest.mark.parametrize("word", [2, 4, 8])
def test_the_sign_does_not_cost_the_exponent_plane(word: int) -> None:
    values = np.random.default_rng(5).normal(0, 1, 40_000).astype(f"<f{word}").tobytes()
    sizes = []
    for param in (word, word | ROTATED):
        out = memoryview(bytearray(len(values)))
        sizes.append(codec(PLANES).encode(memoryview(values), param, out))
    assert sizes[1] is not None
    assert sizes[0] is None or sizes[1] < sizes[0]


def test_an_unknown_number_is_refused() -> None:
    with pytest.raises(CorruptPack, match="codec number 77"):
        codec(77)


@pytest.mark.parametrize("param", [0, 3, 5, 16, 0x22, 0x82, 255])
def test_an_unknown_planes_parameter_is_refused(param: int) -> None:
    with pytest.raises(CorruptPack, match="parameter"):
        codec(PLANES).decode(memoryview(b"x" * 40), param, memoryview(bytearray(64)))


@pytest.mark.parametrize("param", [word | turn for word in (1, 2, 4, 8) for turn in (0, ROTATED)])
@pytest.mark.parametrize("length", [0, 1000, 8_001])
def test_planes_match_only_the_frame_that_they_decode_to(length: int, param: int) -> None:
    raw = np.repeat(np.frombuffer(bf16(4000), "<u2"), 2).tobytes()[:length]
    out = bytearray(len(raw))
    size = codec(PLANES).encode(memoryview(raw), param, memoryview(out))
    if size is None:
        return
    payload = memoryview(out)[:size]
    assert planes.matches(payload, param, memoryview(raw))
    for place in (0, 1, length // 2, length - 1):
        other = bytearray(raw)
        other[place] ^= 1
        assert not planes.matches(payload, param, memoryview(other))
    for place in range(0, size, 97):
        payload[place] ^= 0x10
        back = bytearray(length)
        try:
            codec(PLANES).decode(payload, param, memoryview(back))
        except CorruptPack:
            with contextlib.suppress(CorruptPack):  # unless it saw first that the words are others
                assert not planes.matches(payload, param, memoryview(raw))
        else:
            assert planes.matches(payload, param, memoryview(raw)) == (back == raw)
        payload[place] ^= 0x10


def test_a_declared_terabyte_is_refused_before_it_is_allocated() -> None:
    # A frame header with an eight-byte content size of 2**40, then an empty last block.
    bomb = bytes.fromhex("28b52ffde0") + (1 << 40).to_bytes(8, "little") + b"\x01\x00\x00"
    assert zstandard.frame_content_size(bomb) == 1 << 40
    with pytest.raises(CorruptPack, match="declares"):
        codec(ZSTD).decode(memoryview(bomb), 0, memoryview(bytearray(64)))


@pytest.mark.parametrize("width", [2, 4, 8])
@given(share=st.floats(0, 1), seed=st.integers(0, 99))
def test_a_look_never_gives_up_a_frame_that_a_mask_or_a_list_of_changes_could_hold(
    width: int, share: float, seed: int
) -> None:
    count = 20_000
    draw = np.random.default_rng(seed)
    base = draw.integers(1, 256, (count, width), np.uint8)
    changed = base.copy()
    hit = draw.random(count) < share
    changed[hit, 0] ^= 0xFF
    raw, under = memoryview(changed.tobytes()), memoryview(base.tobytes())
    if np.count_nonzero(hit) * 8 <= count:
        assert may_gain(SPARSE, width, raw, under)
    pruned = base.copy()
    pruned[hit] = 0
    pruned[hit & (base[:, 0] > 128), -1] = 0x80
    if np.count_nonzero(hit) * 20 >= count:
        assert may_gain(MASK, width | ROTATED, memoryview(pruned.tobytes()), under)
