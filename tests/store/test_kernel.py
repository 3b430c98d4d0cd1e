"""The compiled kernel and the one in NumPy give the same bytes, and both are inverse to themselves."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mvc.limits import FRAME
from mvc.store.codecs import PLANES, ROTATED, codec, planes
from mvc.store.kernel import Kernel, native
from mvc.store.kernel.array_coder import NumpyCoder
from mvc.store.kernel.arrays import NumpyKernel
from mvc.store.kernel.native_coder import NativeCoder

COMPILED = native.load()
KERNELS: list[Kernel] = [NumpyKernel(), *([COMPILED] if COMPILED else [])]
WIDTHS = (1, 2, 4, 8)

needs_compiled = pytest.mark.skipif(COMPILED is None, reason="no C compiler at installation")
each = pytest.mark.parametrize("kernel", KERNELS, ids=lambda one: one.name)


def taken(kernel: Kernel, raw: bytes, width: int, number: int, rotated: bool) -> bytes:
    out = bytearray(len(raw) // width)
    kernel.plane(memoryview(raw), width, number, rotated, memoryview(out))
    return bytes(out)


def exponents(count: int, strays: int, seed: int, base: int = 100) -> bytes:
    """Values of a narrow window, but for a few."""
    draw = random.Random(seed)
    values = bytearray(draw.choices(range(base, base + 9), k=count))
    for position in draw.sample(range(count), min(strays, count)):
        values[position] = draw.randrange(256)
    return bytes(values)


@each
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("rotated", [False, True])
@given(words=st.binary(max_size=1200), tail=st.binary(max_size=7))
def test_joining_the_planes_gives_the_words_back(
    kernel: Kernel, width: int, rotated: bool, words: bytes, tail: bytes
) -> None:
    count = len(words) // width
    if count == 0:
        return
    raw = words[: count * width] + tail[: width - 1]
    split = [memoryview(taken(kernel, raw, width, n, rotated)) for n in range(width)]
    out = bytearray(count * width)
    kernel.join(split, width, rotated, memoryview(out))
    assert out == words[: count * width]


@each
@given(
    count=st.integers(2048, 9000),
    strays=st.integers(0, 60),
    seed=st.integers(0, 2**32),
    base=st.sampled_from([0, 5, 100, 247]),
)
def test_pairs_give_the_plane_back(
    kernel: Kernel, count: int, strays: int, seed: int, base: int
) -> None:
    plane = exponents(count, strays, seed, base)
    pairs = bytearray((count + 1) // 2)
    paired = kernel.pair(memoryview(plane), memoryview(pairs))
    if paired is None:
        return
    back = bytearray(b"\xa5" * count)
    given_ = memoryview(paired.strays)
    marked = kernel.unpair(memoryview(pairs), paired.low, given_, memoryview(back))
    assert (marked, bytes(back)) == (len(paired.strays), plane)


@each
@given(count=st.integers(1, 9000), strays=st.integers(0, 80), seed=st.integers(0, 99))
def test_splitting_into_pairs_is_both_planes_at_once_and_joining_its_inverse(
    kernel: Kernel, count: int, strays: int, seed: int
) -> None:
    high = exponents(count, strays, seed)
    low = random.Random(seed).randbytes(count)
    raw = bytearray(2 * count)
    kernel.join([memoryview(high), memoryview(low)], 2, True, memoryview(raw))
    pairs, plane = (bytearray((count + 1) // 2) for _ in range(2)), bytearray(count)
    apart, together = map(memoryview, pairs)
    paired = kernel.split_pairs(memoryview(raw), together, memoryview(plane))
    assert paired == kernel.pair(memoryview(high), apart)
    if paired is None:
        return
    assert (bytes(plane), together) == (low, apart)
    back = memoryview(bytearray(2 * count))
    strays_ = memoryview(paired.strays)
    assert kernel.join_pairs(together, paired.low, strays_, memoryview(plane), back) == len(strays_)
    assert back == raw


@each
@pytest.mark.parametrize("given_", [0, 2, 9])
def test_a_wrong_number_of_strays_is_told(kernel: Kernel, given_: int) -> None:
    pairs, out = b"\x00\xf0\x0f\xff" * 40, bytearray(320)
    marked = kernel.unpair(memoryview(pairs), 7, memoryview(bytes(given_)), memoryview(out))
    assert marked == 160


@each
def test_a_plane_of_many_strays_is_not_paired(kernel: Kernel) -> None:
    noise = random.Random(4).randbytes(5000)
    assert kernel.pair(memoryview(noise), memoryview(bytearray(2500))) is None


@each
@given(data=st.binary(min_size=1, max_size=300), position=st.integers(0, 299))
def test_equal_sees_every_byte_and_copy_takes_every_byte(
    kernel: Kernel, data: bytes, position: int
) -> None:
    out = bytearray(len(data))
    kernel.copy(memoryview(data), memoryview(out))
    assert kernel.equal(memoryview(data), memoryview(out))
    out[position % len(data)] ^= 1
    assert not kernel.equal(memoryview(data), memoryview(out))


@needs_compiled
def test_the_compiled_kernel_is_built_from_the_source_beside_it() -> None:
    assert COMPILED is not None
    sources = sorted(Path(native.__file__).parent.glob("*.[ch]"))
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in sources)).hexdigest()
    assert COMPILED.source == digest, "make .venv/.core builds it anew"


@needs_compiled
@pytest.mark.parametrize("length", [2, 4095, 4096, 8192, 20_001, 70_003, FRAME])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("turn", [0, ROTATED])
@pytest.mark.parametrize("content", ["weights", "exponents", "noise", "zeros"])
def test_both_kernels_write_the_same_payload(
    monkeypatch: pytest.MonkeyPatch, content: str, turn: int, width: int, length: int
) -> None:
    if length == FRAME and width in (1, 8):
        length = (
            FRAME // 4
        )  # the large frame is for the usual widths; both ends of a block are seen
    values = np.random.default_rng(length).normal(0, 0.02, -(-length // 4)).astype("<f4")
    raw = {
        "weights": values.view("<u2")[1::2].tobytes() * 2,
        "exponents": exponents(length, length // 150, length),
        "noise": random.Random(length).randbytes(length),
        "zeros": bytes(length),
    }[content][:length]
    payloads = []
    for kernel in KERNELS:
        monkeypatch.setattr(planes, "kernel", lambda kernel=kernel: kernel)
        out = memoryview(bytearray(len(raw)))
        size = codec(PLANES).encode(memoryview(raw), width | turn, out)
        payloads.append(None if size is None else bytes(out[:size]))
    assert payloads[0] == payloads[1]
    if payloads[0] is None:
        return
    for kernel in KERNELS:
        monkeypatch.setattr(planes, "kernel", lambda kernel=kernel: kernel)
        back = bytearray(len(raw))
        codec(PLANES).decode(memoryview(payloads[0]), width | turn, memoryview(back))
        assert bytes(back) == raw


def test_a_kernel_of_another_version_or_machine_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "_kernel.so"
    broken.write_bytes(b"\x7fELF cut off")
    monkeypatch.setattr(native, "PATH", str(broken))
    assert native.load() is None
    broken.unlink()
    assert native.load() is None


@needs_compiled
def test_a_buffer_that_is_too_short_never_reaches_the_compiled_code() -> None:
    library = native.library()
    assert library is not None
    compiled, coder = native.NativeKernel(library), NativeCoder(library)
    four, eight = memoryview(bytearray(4)), memoryview(bytearray(8))
    for call in (
        lambda: compiled.plane(four, 2, 0, True, four),
        lambda: compiled.join([four, four], 2, True, four),
        lambda: compiled.pair(eight, four[:3]),
        lambda: compiled.unpair(four[:3], 0, memoryview(b""), eight),
        lambda: compiled.equal(eight, four),
        lambda: compiled.copy(eight, four),
        lambda: coder.difference(eight, four, 2, True, eight),
        lambda: coder.difference(eight, eight, 2, True, four),
        lambda: coder.restore(four, eight, 2, True, eight),
        lambda: coder.tokens(eight, 2, four, eight),
        lambda: coder.words(four, eight, 0, 2, eight),
        lambda: coder.counts(eight, four, 1),
        lambda: coder.translate(eight, bytes(256), four),
    ):
        with pytest.raises(ValueError, match=r"where \d+ are needed"):
            call()


@needs_compiled
@given(data=st.binary(max_size=300))
def test_both_coders_count_bytes_alike(data: bytes) -> None:
    library = native.library()
    assert library is not None
    plane = memoryview(data)
    expected = [data.count(value) for value in range(256)]
    assert NativeCoder(library).histogram(plane) == expected == NumpyCoder().histogram(plane)


@each
@given(
    raw=st.binary(min_size=8, max_size=300), width=st.sampled_from(WIDTHS), rotated=st.booleans()
)
def test_splitting_takes_every_plane(kernel: Kernel, raw: bytes, width: int, rotated: bool) -> None:
    count = len(raw) // width
    planes = bytearray(width * count)
    kernel.split(memoryview(raw), width, rotated, memoryview(planes))
    each_ = [taken(kernel, raw, width, number, rotated) for number in range(width)]
    assert bytes(planes) == b"".join(each_)
