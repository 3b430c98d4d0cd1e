"""The JSON reader loses no value, takes nothing that serde_json refuses, and raises one kind of error."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mvc.errors import LimitExceeded, MalformedFile
from mvc.formats.strict_json import Repeated, depth, parse

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(-1e300, 1e300).filter(lambda number: str(number) != "-0.0")
    | st.text(st.characters(codec="utf-8"))
)
VALUES = st.recursive(
    SCALARS, lambda v: st.lists(v) | st.dictionaries(st.text(st.characters(codec="utf-8")), v)
)


@given(VALUES, st.booleans(), st.sampled_from([None, 2]))
def test_a_value_written_by_json_is_read_back(
    value: Any, escaped: bool, indent: int | None
) -> None:
    assert parse(json.dumps(value, ensure_ascii=escaped, indent=indent).encode()) == value


@given(st.binary(max_size=40) | st.text('{}[]",:0-.eE\\unltrfas ', max_size=20).map(str.encode))
def test_any_bytes_are_read_or_malformed(data: bytes) -> None:
    try:
        parse(data)
    except MalformedFile as error:
        assert "byte" in error.message


def test_an_object_with_a_key_twice_keeps_every_pair() -> None:
    value = parse(b'{"a":1,"b":2,"a":[3]}')
    assert isinstance(value, Repeated)
    assert value == {"a": [3], "b": 2}
    assert value.pairs == (("a", 1), ("b", 2), ("a", [3]))
    assert not isinstance(parse(b'{"a":1}'), Repeated)


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("NaN", 100),
        ("[1, -Infinity]", 104),
        ('{"é": 1e400}', 107),
        ('["\\ud800"]', 102),
        ('["é\\udc00"]', 104),
        ("[1,]", 103),
        ("é", 100),
        ("", 100),
        ("[1] x", 104),
        ("[" * 100_000, 100),
    ],
)
def test_a_refusal_gives_the_byte_in_the_file(text: str, offset: int) -> None:
    with pytest.raises(MalformedFile, match=f"at byte {offset}$"):
        parse(text.encode(), at=100)


def test_a_whole_pair_of_surrogates_and_an_escaped_backslash_are_no_lone_ones() -> None:
    assert parse(rb'["\ud83d\ude00", "\\ud800"]') == ["😀", "\\ud800"]


def test_integers_that_serde_json_reads_as_floats_are_floats() -> None:
    for text in (b"-0", b"18446744073709551616", b"-9223372036854775809", b"1" * 300):
        assert type(parse(text)) is float
    for text in (b"0", b"18446744073709551615", b"-9223372036854775808"):
        assert parse(text) == int(text)
        assert type(parse(text)) is int


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("1", 0),
        ("[]", 1),
        ("{}", 1),
        ('{"a":[1,{"b":2}]}', 3),
        ('{"a":[[]],"a":1}', 3),
        ('[1,[2],{"a":3}]', 2),
    ],
)
def test_depth_counts_containers_inside_each_other(text: str, levels: int) -> None:
    assert depth(parse(text.encode())) == levels


def test_values_that_do_not_fit_into_memory_are_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(_: str) -> None:
        raise MemoryError

    monkeypatch.setattr("mvc.formats.strict_json._DECODER.decode", exhausted)
    with pytest.raises(LimitExceeded):
        parse(b"[]")
