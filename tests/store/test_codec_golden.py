"""Golden vectors: payloads as the first release wrote them must decode to the same bytes for ever.

What ``encode`` writes may change with zstd's version; what ``decode`` reads may not.
"""

from __future__ import annotations

import numpy as np
import pytest

from mvc.store.codecs import codec

#: BF16 from -1/8 to 1/8, and F32 with both zeros and an infinity.
RAMP = ((np.arange(-64, 64) / 512).astype("<f4").view("<u4") >> 16).astype("<u2").tobytes()
SPECIAL = np.repeat(np.array([1.5, -1.5, 0.0, -0.0, np.inf], "<f4"), 24).tobytes()
#: Exponents in a narrow window, but for a few; an odd number of them.
EXPONENTS = (
    (np.where(np.arange(2601) % 500 == 0, 3, 120 + np.arange(2601) % 7 % 4) << 7)
    .astype("<u2")
    .tobytes()
)

STEPS = np.arange(128) % 5 * np.where(np.arange(128) % 40 == 0, 900, 1)
STEPPED = (np.frombuffer(RAMP, "<u2") + STEPS).astype("<u2").tobytes()
#: The ramp with some of it set to zeros that keep their signs, and two words of its own.
PRUNED = np.where(np.arange(128) % 64 < 40, np.frombuffer(RAMP, "<u2") & 0x8000, 0)
PRUNED = np.where(np.arange(128) % 64 < 40, PRUNED, np.frombuffer(RAMP, "<u2")).astype("<u2")
PRUNED[[3, 50]] = 7

GOLDEN = [
    pytest.param(0, 0, "00ff10", b"\x00\xff\x10", id="raw"),
    pytest.param(
        1,
        0x12,
        "012b000000008000000028b52ffd2080150100b07c7b7a7978787878777776007677777878787879"
        "7a7b0610008df42b6f761d6bda01f9f1e9e1d9d1c9c1b9b1a9a19991898179716961595149413931"
        "292119110901f1e1d1c1b1a191817161514131211101e1c1a18161412101c1814101810101000000"
        "80004080c00020406080a0c0e000102030405060708090a0b0c0d0e0f00008101820283038404850"
        "586068707880889098a0a8b0b8c0c8d0d8e0e8f0f807",
        RAMP + b"\x07",
        id="planes, BF16 words and a tail",
    ),
    pytest.param(
        1,
        0x14,
        "011600000001140000000111000000011a00000028b52ffd20786d0000207f7f00ff031000b510dd"
        "4d2c28b52ffd20785d00001880800002000450b109b028b52ffd2078450000100000010033055828"
        "b52ffd20788d000030000001000100051000b5d457b35a2858010203",
        SPECIAL + b"\1\2\3",
        id="planes, F32 words and a tail",
    ),
    pytest.param(
        1,
        0x12,
        "024500000001130000006d0600000003030303030328b52ffd60150485010098cfedcbbddcbedccb"
        "bfbebfbdefeddfdcdfdc0e0b00011430dc1b50060679037a60606f40050cf706948141bc45152e28"
        "b52ffd6029094d0000100000010024f20116",
        EXPONENTS,
        id="planes, paired exponents",
    ),
    pytest.param(
        1,
        0x01,
        "011200000028b52ffd20b44d00001061620100af288705",
        b"ab" * 90,
        id="planes, single bytes",
    ),
    pytest.param(
        2,
        0x00,
        "28b52ffd20a07d000040776569676874732001009551850b",
        b"weights " * 20,
        id="zstd",
    ),
]


@pytest.mark.parametrize(("number", "param", "payload", "raw"), GOLDEN)
def test_a_payload_of_the_first_release_decodes(
    number: int, param: int, payload: str, raw: bytes
) -> None:
    out = bytearray(len(raw))
    codec(number).decode(memoryview(bytes.fromhex(payload)), param, memoryview(out))
    assert bytes(out) == raw


#: Four ranges of floats; integers of rows of 40 with one of its own; integers around zeros of their own; and
#: two a byte in groups of 32, of the floats as BF16.
FLOATS = (np.arange(320) * 37 % 256 - 128) / np.float32(1000) * (1 + np.arange(320) // 80)
FLOATS = FLOATS.astype("<f4").reshape(8, 40)
QUANTIZED = np.rint(FLOATS / (abs(FLOATS).max(1, keepdims=True) / np.float32(127)))
QUANTIZED[5, 0] = 5
LOWEST = FLOATS.min(1, keepdims=True)
STEP = (FLOATS.max(1, keepdims=True) - LOWEST) / np.float32(200)
SPREAD = np.clip(np.rint(FLOATS / STEP) - np.rint(LOWEST / STEP) + 9, 0, 255).astype("u1")
HALVES = (FLOATS.view("<u4") >> 16).astype("<u2")
GROUPED = (HALVES.astype("<u4") << 16).view("<f4").reshape(-1, 32)
GROUPED = GROUPED * (1 / abs(GROUPED).max(1, keepdims=True) * np.float32(7))
GROUPED = (np.rint(GROUPED) + 8).astype("u1").reshape(-1, 2)

#: The ramp four times, with four words changed.
FEW = np.tile(np.frombuffer(RAMP, "<u2"), 4)
FEW[[3, 4, 5, 500]] += np.array([1, 65535, 300, 9], "<u2")

#: A right factor as an object has it, a weight, and the weight with a product of rank 2 added.
THIN = np.array([[3, -2, 5, 0, 1, -7, 4, 2] * 3, [1, 1, -4, 6, -3, 2, 0, -5] * 3])
FACTOR = (
    bytes([2, 0, 0, 0, 24, 0, 0, 0, *range(32)])
    + np.where(THIN < 0, -2 * THIN - 1, 2 * THIN).astype("<u4").tobytes()
)
WEIGHT = ((np.arange(240) * 89 % 256 - 128) / np.float32(1000)).astype("<f4")
MERGED = (np.arange(20).reshape(10, 2) - 9) @ THIN / np.float32(4096) + WEIGHT.reshape(10, 24)
MERGED = MERGED.astype("<f4")

OVER_BASE = [
    pytest.param(
        3,
        0x12,
        "00000000030608004d00000028b52ffd206c25020084024a02490000000049020004000000020003"
        "0002000100010280038001000280010003c001800010000b00b83e20dfdc94948073a33323a49ce5"
        "0c520c88697f851b02598a9d206ec402002b2702004cea010064ad0b00ce9001006e6301002b2702"
        "00e04d49900274682ba74d4a905e9052a0213cd822bce361394f4c8f911ba3809bc00f003180f500"
        "68809bc00f003107",
        STEPPED + b"\x07",
        RAMP + b"\x01",
        id="delta, BF16 words and a tail",
    ),
    pytest.param(
        3,
        0x01,
        "00000000031d01001400000028b52ffd20745d000020000000100100edd411010000010000000100"
        "000001000000010000000100000001000000010000000100",
        bytes(range(200)),
        bytes(range(1, 201)),
        id="delta, single bytes",
    ),
    pytest.param(4, 0x00, "", RAMP, RAMP, id="copy"),
    pytest.param(
        5,
        0x12,
        "01000000020000009c3d00000000000007000700030603003400000028b52ffd20305d0100040225"
        "09db06000800080008000700000001800b8004000ac00500004010000000000404012e0524408016"
        "e8cc5fa9681e8f8456ab0300e3ef0b00c0fd93972fdce4b02fdce4b02fdce4b0286ea87a",
        PRUNED.tobytes(),
        RAMP,
        id="mask",
    ),
    pytest.param(
        7,
        0x11,
        "010000000000fe4281ff7f0000000000280000000a0000000d0000000100000028b52ffd20042100"
        "000060843aaa00000005",
        QUANTIZED.astype("i1").tobytes()[30:],
        FLOATS.tobytes()[120:],
        id="requant, rows of which one is cut, and an integer of its own",
    ),
    pytest.param(
        7,
        0x11,
        "00000100000000000100ff00800000002800000000000000390000000000000028b52ffd20308101"
        "0000000000000000006060d058b000e060999925197866a5993a3a3b3b3b3b3b3b76676d686d6b6e"
        "6c0000000000000000",
        SPREAD.tobytes(),
        FLOATS.tobytes(),
        id="requant, listed scales and zeros",
    ),
    pytest.param(
        7,
        0x23,
        "010000000000e04001000f00080000002000000000000000090000000000000028b52ffd2000010000",
        (GROUPED[:, 0] << 4 | GROUPED[:, 1]).tobytes(),
        HALVES.tobytes(),
        id="requant, two integers a byte of BF16",
    ),
    pytest.param(
        8,
        0x12,
        "040000001900000028b52ffd2010810000030000ee00000001000000000000000028b52ffd200841"
        "0000010257120000020007",
        FEW.tobytes() + b"\x07",
        RAMP * 4 + b"\x01",
        id="sparse, BF16 words and a tail",
    ),
    pytest.param(
        9,
        0x10,
        "1f0000000e0000002e00000028b52ffd20502d0100d0ffff00ff008f7f6f5f4f3f2f1f0f00102030"
        "405060708090a00005100013ef236c8b0c0b00000000030600001100000028b52ffd200c45000010"
        "001001006d0e0b0000010000000100000001000000010000000100000001000000010000000100",
        MERGED.tobytes()[40:],
        FACTOR + WEIGHT.tobytes()[40:],
        id="lowrank, F32 rows of which one is cut",
    ),
    pytest.param(
        9,
        0x20,
        "12000000000000003900000028b52ffd2050850100940277f37ffd6ffb7bff7f0280007c0080fe82"
        "fa7efe04030302020101000000000101020202030304040001005182320100000007030614004800"
        "000028b52ffd20fcfd01005402d105e90200007401e208e400ab02ab02e4d10e00002f01b80f485f"
        "0c490258000c000200020a00812caef00aae80940fb800525d20004bdd1e086e75449fee45004e05"
        "fb07765a040009c602002e8c0100d9432135b3f64d00fc1aa35ef6fe350fd492792bfb17161bd4c0"
        "18d1d3d6",
        (MERGED.view("<u4") >> 16).astype("<u2").tobytes(),
        FACTOR + (WEIGHT.view("<u4") >> 16).astype("<u2").tobytes(),
        id="lowrank, BF16",
    ),
]


@pytest.mark.parametrize(("number", "param", "payload", "raw", "base"), OVER_BASE)
def test_a_payload_of_the_first_release_decodes_over_its_base(
    number: int, param: int, payload: str, raw: bytes, base: bytes
) -> None:
    out = bytearray(len(raw))
    stored = memoryview(bytes.fromhex(payload))
    codec(number).decode(stored, param, memoryview(out), memoryview(base))
    assert bytes(out) == raw
