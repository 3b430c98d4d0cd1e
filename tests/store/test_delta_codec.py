"""The delta codec gives back what it was given, whichever coder wrote and read it, and near the entropy."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mvc.errors import CorruptPack
from mvc.limits import FRAME
from mvc.store.codecs import ROTATED, delta, tokens
from mvc.store.kernel import native
from mvc.store.kernel.array_coder import NumpyCoder
from mvc.store.kernel.coding import Coder
from mvc.store.kernel.native_coder import NativeCoder

LIBRARY = native.library()
CODERS: list[Coder] = [NumpyCoder(), *([NativeCoder(LIBRARY)] if LIBRARY else [])]
PARAMS = [width | turn for width in (1, 2, 4, 8) for turn in (0, ROTATED)]


@pytest.fixture(params=CODERS, ids=lambda coder: type(coder).__name__)
def coder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Coder]:
    for module in (delta, tokens):
        monkeypatch.setattr(module, "coder", lambda: request.param)
    yield request.param


def bf16(values: np.ndarray) -> bytes:
    return ((values.astype("<f4").view("<u4") + 0x8000) >> 16).astype("<u2").tobytes()


def tuned(count: int, step: float, seed: int = 0) -> tuple[bytes, bytes]:
    """Weights after and before a training that moved each by about ``step``."""
    draw = np.random.default_rng(seed)
    weights = draw.standard_t(5, count) * 0.02
    return bf16(weights + draw.normal(0, step, count)), bf16(weights)


def through(raw: bytes, base: bytes, param: int) -> bytes | None:
    """Encoded and decoded again; None when the codec sees no gain."""
    out = memoryview(bytearray(len(raw)))
    size = delta.encode(memoryview(raw), param, out, memoryview(base))
    if size is None:
        return None
    assert size < len(raw)
    back = bytearray(b"\xa5" * len(raw))
    delta.decode(out[:size], param, memoryview(back), memoryview(base))
    return bytes(back)


SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, 1e-45, 3e38, 1.0], "<f4")
PAIRS = {
    "equal": lambda n: (tuned(n, 1e-4)[0][:n],) * 2,
    "fine-tuned": lambda n: tuple(side[:n] for side in tuned(n, 1e-4)),
    "unrelated": lambda n: (tuned(n, 1, 1)[0][:n], tuned(n, 1, 2)[0][:n]),
    "from zero": lambda n: (tuned(n, 1e-4)[0][:n], bytes(n)),
    "to zero": lambda n: (bytes(n), tuned(n, 1e-4)[0][:n]),
    "special": lambda n: ((SPECIAL.tobytes() * n)[:n], (SPECIAL[::-1].tobytes() * n)[:n]),
    "one ulp": lambda n: (
        (np.frombuffer(tuned(n, 1)[1], "<u2") + 1).tobytes()[:n],
        tuned(n, 1)[1][:n],
    ),
}


@pytest.mark.parametrize("param", PARAMS)
@pytest.mark.parametrize("content", PAIRS)
@pytest.mark.parametrize("length", [0, 9, 513, 5001])
def test_it_gives_back_what_it_was_given(
    coder: Coder, content: str, param: int, length: int
) -> None:
    raw, base = PAIRS[content](length)
    assert through(raw, base, param) in (None, raw)


@pytest.mark.parametrize("param", PARAMS)
@settings(max_examples=25)
@given(data=st.data())
def test_it_gives_back_any_bytes_over_any_base(param: int, data: st.DataObject) -> None:
    repeats = data.draw(st.integers(1, 40))
    raw = data.draw(st.binary(max_size=200)) * repeats
    base = (data.draw(st.binary(min_size=1, max_size=200)) * len(raw))[: len(raw)]
    assert through(raw, base, param) in (None, raw)


@pytest.mark.skipif(LIBRARY is None, reason="no C compiler at installation")
@pytest.mark.parametrize("param", PARAMS)
@pytest.mark.parametrize("content", PAIRS)
@pytest.mark.parametrize("length", [9, 4096, 5001])
def test_both_coders_write_the_same_payload_and_read_it(
    monkeypatch: pytest.MonkeyPatch, content: str, param: int, length: int
) -> None:
    raw, base = PAIRS[content](length)
    payloads = []
    for coder in CODERS:
        for module in (delta, tokens):
            monkeypatch.setattr(module, "coder", lambda coder=coder: coder)
        out = memoryview(bytearray(len(raw)))
        size = delta.encode(memoryview(raw), param, out, memoryview(base))
        payloads.append(None if size is None else bytes(out[:size]))
    assert payloads[0] == payloads[1]
    for coder in CODERS:
        if payloads[0] is not None:
            for module in (delta, tokens):
                monkeypatch.setattr(module, "coder", lambda coder=coder: coder)
            back = bytearray(len(raw))
            delta.decode(memoryview(payloads[0]), param, memoryview(back), memoryview(base))
            assert bytes(back) == raw


def test_a_fine_tuned_frame_comes_near_its_entropy_given_the_exponents() -> None:
    raw, base = tuned(FRAME // 2, 5e-5)
    out = memoryview(bytearray(FRAME))
    size = delta.encode(memoryview(raw), 2 | ROTATED, out, memoryview(base))
    a, b = (np.frombuffer(side, "<u2").astype(np.int64) for side in (raw, base))
    step = np.where(a >> 15, 0xFFFF ^ a, 0x8000 | a) - np.where(b >> 15, 0xFFFF ^ b, 0x8000 | b)
    joint = np.unique((b >> 7 & 0xFF) << 20 | step + (1 << 17), return_counts=True)[1]
    given_ = np.unique(b >> 7 & 0xFF, return_counts=True)[1]
    bits = (given_ * np.log2(given_)).sum() - (joint * np.log2(joint)).sum()
    assert size is not None
    assert size < bits / 8 * 1.04


@settings(max_examples=25)
@given(payload=st.binary(max_size=300), length=st.integers(0, 400))
@pytest.mark.parametrize("param", PARAMS)
def test_a_payload_that_it_never_wrote_is_refused(payload: bytes, length: int, param: int) -> None:
    with pytest.raises(CorruptPack):
        delta.decode(
            memoryview(payload), param, memoryview(bytearray(length)), memoryview(bytes(length))
        )


@pytest.mark.parametrize("length", [700, 12_000])
def test_every_flipped_byte_is_refused_or_decodes_in_bounds(coder: Coder, length: int) -> None:
    raw, base = (side + b"x" for side in tuned(length, 1e-4))
    out = bytearray(len(raw))
    size = delta.encode(memoryview(raw), 2 | ROTATED, memoryview(out), memoryview(base))
    assert size is not None
    stride = 3 if length < 1000 else 311
    for position in range(0, size, stride):
        payload = bytearray(out[:size])
        payload[position] ^= 0xFF
        back = bytearray(b"\xa5" * (len(raw) + 16))
        out_ = memoryview(back)[8:-8]
        with contextlib.suppress(CorruptPack):
            delta.decode(memoryview(payload), 2 | ROTATED, out_, memoryview(base))
        assert back[:8] == back[-8:] == b"\xa5" * 8


def test_without_a_base_it_neither_encodes_nor_decodes() -> None:
    raw, base = tuned(600, 1e-4)
    out = memoryview(bytearray(len(raw)))
    assert delta.encode(memoryview(raw), 2 | ROTATED, out) is None
    size = delta.encode(memoryview(raw), 2 | ROTATED, out, memoryview(base))
    for other in (None, memoryview(base)[:-2]):
        with pytest.raises(CorruptPack, match="base"):
            delta.decode(out[:size], 2 | ROTATED, memoryview(bytearray(len(raw))), other)
