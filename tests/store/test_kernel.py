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
from mvc.store.kernel.coding import Coder, Tables
from mvc.store.kernel.native_coder import NativeCoder

COMPILED = native.load()
KERNELS: list[Kernel] = [NumpyKernel(), *([COMPILED] if COMPILED else [])]
LIBRARY = native.library()
CODERS: list[Coder] = [NumpyCoder(), *([NativeCoder(LIBRARY)] if LIBRARY else [])]
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


def narrow(seed: int) -> bytes:
    """Words of which many share their high bytes, as those of weights do."""
    return np.random.default_rng(seed).normal(0, 0.02, 200).astype("<f4").tobytes()


def numbers(tables: Tables) -> list[list[int]]:
    found: list[list[int]] = (
        np.frombuffer(tables.frequencies, "<u2").reshape(-1, tables.each).tolist()
    )
    return found


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
    joined = together, paired.low, strays_, memoryview(plane)
    assert kernel.join_pairs(*joined, back) == len(strays_)
    assert back == raw
    assert kernel.match_pairs(*joined, back) == len(strays_)
    for place in (0, count, 2 * count - 1):
        back[place] ^= 1
        assert kernel.match_pairs(*joined, back) is None
        back[place] ^= 1


@each
@pytest.mark.parametrize("given_", [0, 2, 9])
def test_a_wrong_number_of_strays_is_told(kernel: Kernel, given_: int) -> None:
    pairs, out = b"\x00\xf0\x0f\xff" * 40, bytearray(320)
    strays = memoryview(bytes(given_))
    assert kernel.unpair(memoryview(pairs), 7, strays, memoryview(out)) == 160
    words, low = memoryview(bytearray(640)), memoryview(bytes(320))
    assert kernel.join_pairs(memoryview(pairs), 7, strays, low, words) == 160
    assert kernel.match_pairs(memoryview(pairs), 7, strays, low, words) == 160


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
    four, eight, sixteen = (memoryview(bytearray(size)) for size in (4, 8, 16))
    one = Tables(1, (4096).to_bytes(2, "little"))
    for call in (
        lambda: compiled.plane(four, 2, 0, True, four),
        lambda: compiled.join([four, four], 2, True, four),
        lambda: compiled.pair(eight, four[:3]),
        lambda: compiled.unpair(four[:3], 0, memoryview(b""), eight),
        lambda: compiled.split_pairs(four, four, four),
        lambda: compiled.split_pairs(eight, four[:1], four),
        lambda: compiled.join_pairs(four, 0, four, four, four),
        lambda: compiled.join_pairs(four[:1], 0, four, four, eight),
        lambda: compiled.match_pairs(four, 0, four, four, four),
        lambda: compiled.match_pairs(four[:1], 0, four, four, eight),
        lambda: compiled.equal(eight, four),
        lambda: compiled.copy(eight, four),
        lambda: coder.difference(eight, four, 2, True, eight),
        lambda: coder.difference(eight, eight, 2, True, four),
        lambda: coder.restore(four, eight, 2, True, eight),
        lambda: coder.tokens(four, eight, 2, True, four, sixteen),
        lambda: coder.tokens(eight, four, 2, True, four, sixteen),
        lambda: coder.tokens(eight, eight, 2, True, four, eight),
        lambda: coder.words(four, eight, 0, eight, 2, True, eight),
        lambda: coder.words(four, sixteen, 0, four, 2, True, eight),
        lambda: coder.words(four, sixteen, 0, eight, 2, True, four),
        lambda: coder.contexts(four, 2, True, four),
        lambda: coder.tables(eight, four, 1),
        lambda: coder.encode(eight, four, one, 8, sixteen),
        lambda: coder.decode(eight, four, one, 8, eight),
    ):
        with pytest.raises(ValueError, match=r"where \d+ are needed"):
            call()


@needs_compiled
@pytest.mark.parametrize("tables", [Tables(1, b""), Tables(1, bytes(2 * 33))])
def test_too_many_tables_or_none_never_reach_the_compiled_code(tables: Tables) -> None:
    library = native.library()
    assert library is not None
    coder, eight = NativeCoder(library), memoryview(bytearray(8))
    with pytest.raises(ValueError, match="1 to 32"):
        coder.encode(eight, eight, tables, 8, eight)
    with pytest.raises(ValueError, match="1 to 32"):
        coder.decode(eight, eight, tables, 8, eight)
    with pytest.raises(ValueError, match="1 to 32"):
        coder.tables(eight, eight, tables.number)


@needs_compiled
@given(
    base=st.one_of(st.binary(min_size=8, max_size=900), st.integers(0, 99).map(narrow)),
    width=st.sampled_from(WIDTHS),
    ordered=st.booleans(),
    draw=st.randoms(use_true_random=False),
)
def test_both_coders_find_the_same_contexts_and_tables(
    base: bytes, width: int, ordered: bool, draw: random.Random
) -> None:
    library = native.library()
    assert library is not None
    count = len(base) // width
    tokens = bytes(draw.choices(range(draw.choice([2, 20, 256])), k=count))
    found = []
    for coder in (NativeCoder(library), NumpyCoder()):
        contexts = memoryview(bytearray(count))
        number = coder.contexts(memoryview(base), width, ordered, contexts)
        tables = coder.tables(memoryview(tokens), contexts, number)
        found.append((number, contexts, tables))
        sums = [sum(table) for table in numbers(tables)]
        assert sums == [4096] * number
        assert max(contexts, default=0) == number - 1 <= 31
    assert found[0] == found[1]


@needs_compiled
@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("count", [1, 63, 64, 65, 128, 1000])
@pytest.mark.parametrize("largest", [0, 3, 5, 64])
def test_both_coders_take_words_apart_alike_and_put_them_together(
    largest: int, count: int, width: int, ordered: bool
) -> None:
    """Differences of up to so many bits: none that is more than its token, a few, and all of them."""
    draw = np.random.default_rng(count + largest)
    base = draw.integers(0, 256, count * width, np.uint8).tobytes()
    words = draw.integers(0, 1 << 64, count, np.uint64, endpoint=False)
    words >>= draw.integers(64 - largest, 65, count, np.uint64).clip(0, 63) if largest else 63
    zigzag = words.astype(f"<u{width}").tobytes()
    raw = bytearray(count * width)
    CODERS[0].restore(memoryview(zigzag), memoryview(base), width, ordered, memoryview(raw))
    found = []
    for coder in CODERS:
        tokens, extra = memoryview(bytearray(count)), memoryview(bytearray(count * width + 16))
        used = coder.tokens(memoryview(raw), memoryview(base), width, ordered, tokens, extra)
        found.append((bytes(tokens), bytes(extra[:used])))
        back = bytearray(b"\xa5" * len(raw))
        given_ = tokens, extra, used, memoryview(base), width, ordered, memoryview(back)
        assert coder.words(*given_)
        assert back == raw
        assert not coder.words(*given_[:2], used + 1, *given_[3:])
        if used:
            assert not coder.words(*given_[:2], used - 1, *given_[3:])
    assert found[0] == found[1]


@pytest.mark.parametrize("width", [1, 2, 4])  # a byte names no token that 64-bit words lack
@pytest.mark.parametrize("token", [0, 100])
def test_no_coder_takes_a_token_of_wider_words(width: int, token: int) -> None:
    base, extra = memoryview(bytes(100 * width)), memoryview(bytes(2000))
    tokens = memoryview(bytes(99) + bytes([16 + (8 * width - 4) * 4 + token]))
    for coder in CODERS:
        out = memoryview(bytearray(100 * width))
        assert not coder.words(tokens, extra, 8, base, width, True, out)


@needs_compiled
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("rows", ["exponents", "noise", "one value", "zeros among others"])
def test_both_coders_find_the_contexts_of_a_frame(width: int, rows: str) -> None:
    count = 70_001
    high = {
        "exponents": exponents(count, 300, width),
        "noise": random.Random(width).randbytes(count),
        "one value": b"\xff" * count,
        "zeros among others": exponents(count, 0, 1)[: count // 2] + bytes(count - count // 2),
    }[rows]
    base = np.zeros((count, width), np.uint8)
    base[:, -1] = np.frombuffer(high, np.uint8)
    found = []
    for coder in CODERS:
        contexts = memoryview(bytearray(count))
        found.append((coder.contexts(memoryview(base.tobytes()), width, False, contexts), contexts))
    assert found[0] == found[1]


@needs_compiled
@pytest.mark.parametrize("rare", [0, 1, 30, 255])
@pytest.mark.parametrize("count", [1, 63, 64, 8191, 8192, 30_001])
def test_both_coders_write_the_same_for_common_and_rare_tokens(count: int, rare: int) -> None:
    """Frequencies of 1, whose states are the largest, and of 4096, at which a state never moves."""
    library = native.library()
    assert library is not None
    draw = random.Random(count + rare)
    tokens = bytearray(draw.choices(range(rare + 1), [4095, *([1] * rare)], k=count))
    contexts = memoryview(bytes(draw.choices(range(32), k=count)))
    both, room = (NativeCoder(library), NumpyCoder()), 2 * count + 256
    tables = both[0].tables(memoryview(tokens), contexts, 32)
    coded = []
    for coder in both:
        out = memoryview(bytearray(room))
        length = coder.encode(memoryview(tokens), contexts, tables, 64, out)
        assert length is not None
        coded.append(memoryview(bytes(out[room - length :])))
        for tight in (length - 2, length):
            found = coder.encode(memoryview(tokens), contexts, tables, 64, out[:tight])
            assert found == (None if tight < length else length)
    assert coded[0] == coded[1]
    for coder in both:
        back = bytearray(count)
        assert coder.decode(coded[0], contexts, tables, 64, memoryview(back))
        assert back == tokens


def test_tables_of_another_sum_are_refused() -> None:
    data, eight = memoryview(bytes(4 * 8)), memoryview(bytearray(8))
    for flat in ([4095], [4095, 2], [0, 0], [1, 65535]):
        tables = Tables(len(flat), np.array(flat, "<u2").tobytes())
        for coder in CODERS:
            assert not coder.decode(data, eight, tables, 8, eight)


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
