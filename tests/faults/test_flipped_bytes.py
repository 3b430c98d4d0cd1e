"""P3: a byte that flips in a stored frame, whatever its codec, is noticed by a read and by the scrub.

Once as damage happens, once with the frame's checksum set right again, so that the codec has to work on a
wrong payload and BLAKE3 alone is left to notice.
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass

import numpy as np
import pytest
from faults.harness import CHECKED, scratch
from xxhash import xxh3_64_intdigest

from mvc import limits
from mvc.errors import IntegrityError
from mvc.ids import ObjectId, object_id
from mvc.store import pack
from mvc.store.codecs import CAST, COPY, DELTA, MASK, PLANES, RAW, REQUANT, SPARSE, ZSTD
from mvc.store.fs import Disk
from mvc.store.source import BytesSource, Candidate, Incoming
from mvc.store.store import Store

SEED = 20_240_611
FRAME = 4096


def weights(dtype: str, count: int) -> bytes:
    values = np.random.default_rng(SEED).normal(0, 0.02, count).astype("<f4")
    return bf16(values) if dtype == "BF16" else values.astype(dtype).tobytes()


def bf16(values: np.ndarray) -> bytes:
    return (values.view("<u4") >> 16).astype("<u2").tobytes()


def counters() -> bytes:
    return np.random.default_rng(SEED).integers(0, 9, FRAME // 8, "<i8").tobytes()


def trained() -> bytes:
    """What a few steps of training make of ``weights("BF16")``."""
    values = np.frombuffer(weights("BF16", FRAME // 2), "<u2").astype("<u4") << 16
    steps = np.random.default_rng(SEED + 1).normal(0, 5e-5, FRAME // 2).astype("<f4")
    return bf16(values.view("<f4") + steps)


def pruned() -> bytes:
    values = np.frombuffer(weights("<f4", FRAME // 4), "<f4")
    return np.where(abs(values) < np.median(abs(values)), np.float32(0), values).tobytes()


def rounded() -> bytes:
    """``weights("<f4")`` as BF16, to the nearest and ties to even."""
    words = np.frombuffer(weights("<f4", FRAME // 2), "<u4")
    return ((words + 0x7FFF + (words >> 16 & 1)) >> 16).astype("<u2").tobytes()


def quantized() -> bytes:
    values = np.frombuffer(weights("<f4", FRAME), "<f4")
    return np.rint(values / (abs(values).max() / np.float32(127))).astype("i1").tobytes()


def edited() -> bytes:
    words = np.frombuffer(weights("<f4", FRAME // 4), "<u4").copy()
    words[100:140] += np.arange(40, dtype="<u4")
    return words.tobytes()


def noise(size: int) -> bytes:
    return np.random.default_rng(SEED).bytes(size)


@dataclass(frozen=True)
class Case:
    """Bytes of which the codec ``number`` makes a frame; over ``base``, where it needs one."""

    number: int
    dtype: str | None
    data: bytes
    base: bytes | None = None
    base_dtype: str | None = None
    #: Share of the payload that flips of may be without effect: spare bits, or those of a scale.
    spare: float = 0.1


CASES = {
    "raw": Case(RAW, None, noise(FRAME)),
    "planes, BF16": Case(PLANES, "BF16", weights("BF16", FRAME // 2)),
    "planes, F32": Case(PLANES, "F32", weights("<f4", FRAME // 4)),
    "planes, F64": Case(PLANES, "F64", weights("<f8", FRAME // 8)),
    "planes, I64": Case(PLANES, "I64", counters()),
    "zstd": Case(ZSTD, None, b"a text that repeats, %d\n" * (FRAME // 25)),
    "delta": Case(DELTA, "BF16", trained(), weights("BF16", FRAME // 2)),
    "copy": Case(COPY, "U8", noise(2 * FRAME) + bytes(range(256)), noise(2 * FRAME)),
    "mask": Case(MASK, "F32", pruned(), weights("<f4", FRAME // 4)),
    "cast": Case(CAST, "BF16", rounded(), weights("<f4", FRAME // 2), "F32"),
    "requant": Case(REQUANT, "I8", quantized(), weights("<f4", FRAME), "F32", 0.7),
    "sparse": Case(SPARSE, "F32", edited(), weights("<f4", FRAME // 4)),
}


@dataclass(frozen=True)
class Stored:
    """A store of ``data``, the last object of ``pack``; its ``header``ed frame begins at ``frame``."""

    root: str
    pack: str
    good: bytes
    data: bytes
    frame: int
    header: pack.FrameHeader

    def verdict(self, damaged: bytes) -> tuple[bool, bool]:
        """Whether a read and the full check notice; a read that does not must give the right bytes."""
        with open(self.pack, "wb") as file:
            file.write(damaged)
        store = Store(self.root, Disk())
        try:
            assert store.read(object_id(self.data)) == self.data, "wrong bytes were handed out"
            read = False
        except IntegrityError:
            read = True
        return read, bool(list(store.check(full=True)))


@pytest.fixture
def stored(request, monkeypatch):
    case = CASES[request.param]
    monkeypatch.setattr(limits, "FRAME", FRAME)
    monkeypatch.setattr(limits, "WINDOW", 4 * FRAME)
    with scratch() as root:
        store = Store.create(root, Disk())
        bases = []
        if case.base is not None:
            dtype = case.base_dtype or case.dtype
            bases.append(Candidate(put(store, case.base, dtype, []), dtype))
        before = set(os.listdir(os.path.join(root, "packs")))
        put(Store(root, Disk()), case.data, case.dtype, bases)
        (name,) = set(os.listdir(os.path.join(root, "packs"))) - before
        path = os.path.join(root, "packs", name)
        with open(path, "rb") as file:
            good = file.read()
        frame = pack.HEADER_SIZE + pack.OBJECT_SIZE
        header = pack.decode_frame(
            good[frame : frame + pack.FRAME_SIZE], min(FRAME, len(case.data)), path, frame
        )
        assert header.codec == case.number, "this is another codec's frame"
        yield Stored(root, path, good, case.data, frame, header)


def put(store: Store, data: bytes, dtype: str | None, bases: list) -> ObjectId:
    with store.writer() as writer:
        (id_,) = writer.add([Incoming(BytesSource(data), dtype, lambda: bases)])
        writer.publish()
    return id_


def flip_everywhere(stored: Stored, name: str, count: int) -> None:
    chance = random.Random(SEED)
    for _ in range(count):
        position = chance.randrange(len(stored.good))
        damaged = bytearray(stored.good)
        damaged[position] ^= 1 << chance.randrange(8)
        _, found = stored.verdict(bytes(damaged))
        assert found, f"the check misses byte {position}"
    CHECKED[f"flips: {name}"] = count


def flip_and_reseal(stored: Stored, name: str, count: int) -> None:
    chance = random.Random(SEED + 1)
    start, header = stored.frame + pack.FRAME_SIZE, stored.header
    count = count if header.stored else 0  # the whole of a copied frame is in its header
    noticed = 0
    for _ in range(count):
        position = start + chance.randrange(header.stored)
        damaged = bytearray(stored.good)
        damaged[position] ^= 1 << chance.randrange(8)
        payload = bytes(damaged[start : start + header.stored])
        sealed = header._replace(check=xxh3_64_intdigest(payload))
        damaged[stored.frame : start] = pack.encode_frame(sealed)
        read, found = stored.verdict(bytes(damaged))
        assert read == found, f"a read and the check differ about byte {position}"
        noticed += read
    # What is not noticed is harmless (``verdict`` compared the bytes): spare bits of a codec's own headers.
    assert noticed >= count * (1 - CASES[name].spare)
    CHECKED[f"flips, resealed: {name}"] = count


codecs = pytest.mark.parametrize("stored, name", [(n, n) for n in CASES], indirect=["stored"])


@codecs
def test_a_flipped_bit_is_noticed(stored, name):
    flip_everywhere(stored, name, 20)
    flip_and_reseal(stored, name, 20)


@pytest.mark.faults_full
@codecs
def test_each_of_a_thousand_flipped_bits_is_noticed(stored, name):
    flip_everywhere(stored, name, 1000)
    flip_and_reseal(stored, name, 1000)
