"""The pack's headers, records and footer: inverse pairs, and no damaged byte passes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mvc import limits
from mvc.errors import CorruptPack
from mvc.store import pack
from mvc.store.pack import NO_BASE, WHOLE, FrameHeader, ObjectHeader, Record

DIGEST = bytes(range(32))


def object_header(length: int = 5000, frame_size: int = 4096) -> ObjectHeader:
    frames = pack.frame_count(length, frame_size)
    return ObjectHeader(WHOLE, 0, frames, frame_size, length, DIGEST, NO_BASE)


def frame_header(length: int = 4096, stored: int = 3000) -> FrameHeader:
    return FrameHeader(1, 0x12, length, stored, 0xDEADBEEF, DIGEST[:16])


@given(length=st.integers(0, 1 << 50), frame_size=st.integers(1, limits.FRAME))
def test_an_object_header_comes_back(length: int, frame_size: int) -> None:
    value = object_header(length % (frame_size << 31), frame_size)
    data = pack.encode_object(value)
    assert len(data) == pack.OBJECT_SIZE == 96
    assert pack.decode_object(data, "p", 0) == value


@given(length=st.integers(0, limits.FRAME), share=st.floats(0, 1), check=st.integers(0, 2**64 - 1))
def test_a_frame_header_comes_back(length: int, share: float, check: int) -> None:
    value = FrameHeader(2, 0, length, int(length * share), check, DIGEST[:16])
    data = pack.encode_frame(value)
    assert len(data) == pack.FRAME_SIZE == 48
    assert pack.decode_frame(data, length, "p", 0) == value


@given(
    numbers=st.tuples(
        st.integers(0, 2**32 - 1),
        st.integers(0, 2**16 - 1),
        st.integers(0, 255),
        *[st.integers(0, 2**64 - 1)] * 3,
    )
)
def test_a_record_comes_back(numbers: tuple[int, int, int, int, int, int]) -> None:
    value = Record(DIGEST, *numbers)
    data = pack.encode_record(value)
    assert len(data) == pack.RECORD_SIZE == 64
    assert pack.decode_record(b"x" + data, 1) == value


@pytest.mark.parametrize(
    ("data", "decode"),
    [
        (pack.encode_object(object_header()), lambda data: pack.decode_object(data, "p", 7)),
        (pack.encode_frame(frame_header()), lambda data: pack.decode_frame(data, 4096, "p", 7)),
        (
            pack.encode_footer(1000, bytes(128)),
            lambda data: pack.decode_footer(data, 1128 + pack.FOOTER_SIZE, "p"),
        ),
    ],
    ids=["object", "frame", "footer"],
)
def test_any_damaged_or_missing_byte_is_refused(
    data: bytes, decode: Callable[[bytes], object]
) -> None:
    decode(data)
    for position in range(len(data)):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[position] ^= 1 << bit
            with pytest.raises(CorruptPack, match="offset"):
                decode(bytes(damaged))
        with pytest.raises(CorruptPack):
            decode(data[:position])


@pytest.mark.parametrize(
    "value",
    [
        object_header()._replace(frames=1),
        object_header()._replace(frame_size=0),
        object_header()._replace(frame_size=limits.FRAME + 1),
        object_header(1 << 40)._replace(frames=2),
    ],
)
def test_an_object_whose_numbers_contradict_each_other_is_refused(value: ObjectHeader) -> None:
    with pytest.raises(CorruptPack, match="frames"):
        pack.decode_object(pack.encode_object(value), "p", 0)


def test_an_object_of_an_unknown_kind_asks_for_a_newer_mvc() -> None:
    value = object_header()._replace(kind=2, base=DIGEST, depth=1)
    with pytest.raises(CorruptPack) as caught:
        pack.decode_object(pack.encode_object(value), "p", 0)
    assert caught.value.hint is not None
    assert "upgrade" in caught.value.hint


@pytest.mark.parametrize("value", [frame_header(4000), frame_header(stored=4097)])
def test_a_frame_of_another_length_than_its_object_needs_is_refused(value: FrameHeader) -> None:
    with pytest.raises(CorruptPack, match="frame of"):
        pack.decode_frame(pack.encode_frame(value), 4096, "p", 0)


def test_a_footer_whose_table_does_not_fit_the_file_is_refused() -> None:
    footer = pack.encode_footer(1000, bytes(128))
    with pytest.raises(CorruptPack, match="does not fit"):
        pack.decode_footer(footer, 1127 + pack.FOOTER_SIZE, "p")


def test_the_header_of_another_version_asks_for_a_newer_mvc() -> None:
    pack.check_header(pack.header(), "p")
    with pytest.raises(CorruptPack, match="version"):
        pack.check_header(b"MVCPACK1\x02\0\0\0\0\0\0\0", "p")
    for other in (b"", b"PK\x03\x04" * 4, pack.header()[:-1]):
        with pytest.raises(CorruptPack, match="is not a pack"):
            pack.check_header(other, "p")
