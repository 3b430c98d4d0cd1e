"""A skeleton and its spans are the file; its encoding is exact, and damage to it is found."""

from __future__ import annotations

import io
import struct

import pytest
from formats.format_contract import fill
from hypothesis import given, settings
from hypothesis import strategies as st

from mvc import limits
from mvc.errors import CorruptPack, LimitExceeded, MalformedFile, MvcError
from mvc.formats.layout import Layout, Storage
from mvc.formats.skeleton import Skeleton, cut

KEYS = st.text(st.characters(codec="utf-8"), max_size=5)


@st.composite
def files(draw: st.DrawFn) -> tuple[bytes, Layout]:
    """Any bytes with any storages in them, some of them empty."""
    position = 0
    storages = []
    for key in draw(st.lists(KEYS, unique=True, max_size=6)):
        offset = position + draw(st.integers(0, 5))
        storages.append(Storage(key, offset, draw(st.integers(0, 7))))
        position = offset + storages[-1].length
    size = position + draw(st.integers(0, 5))
    return draw(st.binary(min_size=size, max_size=size)), Layout("any", size, tuple(storages), ())


def contents(data: bytes, layout: Layout) -> dict[str, bytes]:
    return {s.key: data[s.offset : s.offset + s.length] for s in layout.storages}


@given(files())
def test_cut_and_fill_give_the_file_again(made: tuple[bytes, Layout]) -> None:
    data, layout = made
    assert fill(cut(io.BytesIO(data), layout), contents(data, layout)) == data


@given(files())
def test_decoding_an_encoded_skeleton_gives_it_again(made: tuple[bytes, Layout]) -> None:
    skeleton = cut(io.BytesIO(made[0]), made[1])
    assert Skeleton.decode(skeleton.encode()) == skeleton


@given(files())
def test_the_literal_is_every_byte_outside_the_spans_in_order(made: tuple[bytes, Layout]) -> None:
    data, layout = made
    inside = {p for s in layout.storages for p in range(s.offset, s.offset + s.length)}
    assert cut(io.BytesIO(data), layout).literal == bytes(
        byte for position, byte in enumerate(data) if position not in inside
    )


@given(files(), st.data())
@settings(max_examples=3 * settings().max_examples)
def test_a_damaged_encoding_is_another_skeleton_or_a_corrupt_pack(
    made: tuple[bytes, Layout], data: st.DataObject
) -> None:
    encoded = bytearray(cut(io.BytesIO(made[0]), made[1]).encode())
    position = data.draw(st.integers(0, len(encoded) - 1))
    encoded[position] ^= data.draw(st.integers(1, 255))
    try:
        other = Skeleton.decode(bytes(encoded))
    except CorruptPack as error:
        assert error.hint
    else:
        assert other.encode() == encoded


@given(files())
def test_every_truncated_encoding_is_a_corrupt_pack(made: tuple[bytes, Layout]) -> None:
    encoded = cut(io.BytesIO(made[0]), made[1]).encode()
    for size in range(len(encoded)):
        with pytest.raises(CorruptPack):
            Skeleton.decode(encoded[:size])


@given(st.binary(max_size=100))
def test_any_bytes_decode_or_are_a_corrupt_pack(data: bytes) -> None:
    for candidate in (data, b"MVCSKEL1" + data):
        try:
            assert Skeleton.decode(candidate).encode() == candidate
        except CorruptPack:
            continue


def test_the_encoding_is_the_documented_one() -> None:
    skeleton = Skeleton(9, (Storage("é", 3, 4),), b"abcxy")
    assert skeleton.encode() == (
        b"MVCSKEL1"
        + struct.pack("<QI", 9, 1)
        + struct.pack("<QQI", 3, 4, 2)
        + "é".encode()
        + b"abcxy"
    )


def test_pieces_walk_the_file_from_front_to_back() -> None:
    skeleton = Skeleton(9, (Storage("a", 3, 2), Storage("b", 5, 0), Storage("c", 5, 1)), b"abcxyz")
    pieces = [p if isinstance(p, Storage) else (p[0], bytes(p[1])) for p in skeleton.pieces()]
    assert pieces == [(0, b"abc"), *skeleton.spans, (6, b"xyz")]


def test_a_false_count_of_spans_costs_no_memory() -> None:
    with pytest.raises(CorruptPack):
        Skeleton.decode(b"MVCSKEL1" + struct.pack("<QI", 9, 2**32 - 1) + b"abcdefghi")


@pytest.mark.parametrize(
    ("size", "spans", "literal"),
    [
        (8, [Storage("a", 0, 5), Storage("b", 4, 4)], b""),
        (8, [Storage("a", 4, 4), Storage("b", 0, 4)], b""),
        (8, [Storage("a", 0, 9)], b""),
        (8, [Storage("a", 0, 4)], b"abc"),
        (8, [Storage("a", 0, 4)], b"abcde"),
        (8, [Storage("a", 0, -4)], b"abcdefgh"),
        (8, [Storage("a", 0, 4), Storage("a", 4, 4)], b""),
        (8, [Storage("\ud800", 0, 8)], b""),
        (2**64, [Storage("a", 0, 2**64)], b""),
    ],
    ids="overlap unsorted outside short long negative twice surrogate huge".split(),
)
def test_no_skeleton_is_made_that_no_file_has(
    size: int, spans: list[Storage], literal: bytes
) -> None:
    with pytest.raises(MalformedFile):
        Skeleton(size, tuple(spans), literal)


def test_cut_refuses_to_hold_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SKELETON", 4)
    layout = Layout("any", 9, (Storage("a", 2, 4),), ())
    with pytest.raises(LimitExceeded, match="5 bytes"):
        cut(io.BytesIO(b"123456789"), layout)


def test_cut_says_so_when_the_file_became_shorter() -> None:
    layout = Layout("any", 9, (Storage("a", 2, 4),), ())
    with pytest.raises(MvcError, match="changed while it was read"):
        cut(io.BytesIO(b"12345678"), layout)


def test_cut_refuses_storages_that_overlap() -> None:
    layout = Layout("any", 9, (Storage("a", 0, 6), Storage("b", 3, 6)), ())
    with pytest.raises(MalformedFile):
        cut(io.BytesIO(b"123456789"), layout)
