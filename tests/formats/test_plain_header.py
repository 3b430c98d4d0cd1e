"""The shortcut for usual headers: taken for what the library writes, and never of another opinion."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import numpy as np
import pytest
from formats.safetensors_files import accepted_by_the_library, corpus, entry, file_of
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from mvc.dtypes import DTYPES
from mvc.errors import MalformedFile
from mvc.formats.plain_header import read_plain
from mvc.formats.safetensors import _parse_header, _parse_strictly

PROFILE = settings().max_examples
names = st.text(max_size=4) | st.sampled_from(
    ["__metadata__", "layers.0.weight", "é", "\x7f", '":{', '"', "\\"]
)


def header_of(file: bytes) -> bytes:
    return file[8 : 8 + int.from_bytes(file[:8], "little")]


def agrees(header: bytes) -> bool:
    """Whether the shortcut was taken; then it must have found what the strict parser finds."""
    if read_plain(header) is None:
        return False
    assert outcome(_parse_header, header) == outcome(_parse_strictly, header)
    return True


def outcome(read: Callable[[bytes], object], header: bytes) -> object:
    try:
        return read(header)
    except MalformedFile as error:
        return error.message


@st.composite
def compact(draw: st.DrawFn) -> str:
    """A header spelled as the library does, of tensors back to back; sometimes a number is off."""
    top: dict[str, object] = {}
    if draw(st.booleans()):
        top["__metadata__"] = draw(st.dictionaries(names, names, max_size=2))
    position = 0
    for name in draw(st.lists(names, unique=True, max_size=4)):
        dtype = draw(st.sampled_from([*DTYPES, "F8"]))
        shape = draw(st.lists(st.integers(0, 4) | st.sampled_from([2**40, 2**63]), max_size=3))
        size = math.prod(shape) * (DTYPES[dtype].bits if dtype in DTYPES else 8) // 8
        end = position + size + draw(st.sampled_from([0, 0, 0, 0, 0, 0, 1, -1]))
        top[name] = entry(dtype, shape, [position, end])
        position = end
    text = json.dumps(top, separators=(",", ":"), ensure_ascii=draw(st.booleans()))
    return text + " " * draw(st.integers(0, 3))


@pytest.mark.parametrize("metadata", [None, {"format": "pt", "note": '{"a":{"dtype":"F32"'}])
def test_what_the_library_writes_takes_the_shortcut(metadata: dict[str, str] | None) -> None:
    tensors = {f"layer.{n}.é": np.zeros((n, 3), np.float32) for n in range(9)}
    assert agrees(header_of(save(tensors, metadata)))


def test_on_odd_headers_it_has_no_other_opinion_than_the_strict_parser() -> None:
    headers = [header_of(file) for file in corpus().values()]
    compact = [header.replace(b", ", b",").replace(b": ", b":") for header in headers]
    assert sum(map(agrees, [*headers, *compact])) >= 20


@given(compact())
@settings(max_examples=5 * PROFILE)
def test_a_usual_header_is_read_as_the_strict_parser_reads_it(text: str) -> None:
    agrees(text.encode("utf-8", "surrogatepass"))


@given(compact(), st.data())
@settings(max_examples=5 * PROFILE)
def test_a_damaged_usual_header_too(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = start + data.draw(st.sampled_from([0, 0, 1, 1, 2, 9]))
    piece = data.draw(
        st.sampled_from([*'{}[]:,"\\0 \0\n', "", "", '"a":{},', ",,", "1e1", "00", "-1", text])
    )
    agrees((text[:start] + piece + text[end:]).encode("utf-8", "surrogatepass"))


@given(compact())
@settings(max_examples=5 * PROFILE)
def test_a_usual_header_has_the_librarys_verdict(text: str) -> None:
    header = text.encode("utf-8", "surrogatepass")
    plain = read_plain(header)
    sound = plain is not None and isinstance(outcome(_parse_header, header), tuple)
    if sound and plain[0][-1].end < 1 << 16:
        assert accepted_by_the_library(file_of(header, bytes(plain[0][-1].end)))


@pytest.mark.parametrize(
    "text",
    [
        '{"a":{"dtype":"U8","shape":[4611686018427387904,4,0],"data_offsets":[0,0]}}',
        '{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},,"b":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}',
        '{"__metadata__":{"x":{"y":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}}}',
        '{"__metadata__":{},"__metadata__":{},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}',
        '{"a":{"dtype":"F4","shape":[1],"data_offsets":[0,0]}}',
        '{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}x',
        '{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},}',
        '["a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}',
    ],
)
def test_what_only_looks_usual_is_left_to_the_strict_parser(text: str) -> None:
    assert read_plain(text.encode()) is None
    assert not accepted_by_the_library(file_of(text, b""))
