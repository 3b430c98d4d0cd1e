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
from mvc.ids import object_id
from mvc.store import framing, pack
from mvc.store.codecs import PLANES, RAW, ROTATED, ZSTD, Plan
from mvc.store.fs import Disk
from mvc.store.source import BytesSource, Incoming
from mvc.store.store import Store

SEED = 20_240_611
SIZE = 6000


def weights(dtype: str) -> bytes:
    values = np.random.default_rng(SEED).normal(0, 0.02, SIZE).astype("<f4")
    if dtype == "BF16":
        return (values.view("<u4") >> 16).astype("<u2").tobytes()
    return values.astype(dtype).tobytes()


def counters() -> bytes:
    return np.random.default_rng(SEED).integers(0, 9, SIZE // 8, "<i8").tobytes()


#: codec → its parameter, and bytes that it gains on.
CODECS: dict[str, tuple[Plan, bytes]] = {
    "raw": (((RAW, 0),), np.random.default_rng(SEED).bytes(SIZE)),
    "planes, BF16": (((PLANES, 2 | ROTATED),), weights("BF16")),
    "planes, F32": (((PLANES, 4 | ROTATED),), weights("<f4")),
    "planes, F64": (((PLANES, 8 | ROTATED),), weights("<f8")),
    "planes, I64": (((PLANES, 8),), counters()),
    "zstd": (((ZSTD, 0),), b"a text that repeats, %d\n" * (SIZE // 25)),
}


@dataclass(frozen=True)
class Stored:
    """A store of one object; ``frame`` is where its frame's header begins in the pack."""

    root: str
    pack: str
    good: bytes
    data: bytes
    frame: int

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
    plan, data = CODECS[request.param]
    monkeypatch.setattr(limits, "FRAME", 1 << 16)
    monkeypatch.setattr(framing, "_encode", encoder(plan[0]))
    with scratch() as root:
        store = Store.create(root, Disk())
        with store.writer() as writer:
            writer.add([Incoming(BytesSource(data), "BF16")])
            writer.publish()
        (name,) = os.listdir(os.path.join(root, "packs"))
        path = os.path.join(root, "packs", name)
        with open(path, "rb") as file:
            good = file.read()
        frame = pack.HEADER_SIZE + pack.OBJECT_SIZE
        header = pack.decode_frame(good[frame : frame + pack.FRAME_SIZE], len(data), path, frame)
        assert (header.codec, header.param) == plan[0], "this is another codec's frame"
        yield Stored(root, path, good, data, frame)


def encoder(choice):
    from mvc.store.codecs import codec

    def encode(raw, plan, out):
        number, param = choice
        size = None if number == RAW else codec(number).encode(raw, param, out)
        return (RAW, 0, len(raw)) if size is None else (number, param, size)

    return encode


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
    start = stored.frame + pack.FRAME_SIZE
    header = pack.decode_frame(stored.good[stored.frame : start], len(stored.data), "", 0)
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
    assert noticed >= count * 0.99
    CHECKED[f"flips, resealed: {name}"] = count


codecs = pytest.mark.parametrize("stored, name", [(n, n) for n in CODECS], indirect=["stored"])


@codecs
def test_a_flipped_bit_is_noticed(stored, name):
    flip_everywhere(stored, name, 40)
    flip_and_reseal(stored, name, 40)


@pytest.mark.faults_full
@codecs
def test_each_of_a_thousand_flipped_bits_is_noticed(stored, name):
    flip_everywhere(stored, name, 1000)
    flip_and_reseal(stored, name, 1000)
