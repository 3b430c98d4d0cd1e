"""The parser's verdict is the library's, on odd files made by hand and on files made odd by chance."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import pytest
import safetensors
from formats.format_contract import fill, read, spans
from formats.safetensors_files import SOUND, accepted_by_the_library, corpus, entry, file_of
from hypothesis import given, settings
from hypothesis import strategies as st

from mvc.dtypes import DTYPES
from mvc.errors import FormatError
from mvc.formats.safetensors import SAFETENSORS
from mvc.formats.skeleton import cut

CORPUS = corpus()
PROFILE = settings().max_examples
TENSOR = json.dumps(entry())
#: Where mvc is stricter on purpose.
GIVEN_TWICE = {
    "a name twice": f'{{"a":{TENSOR},"a":{TENSOR}}}',
    "a name twice, once escaped": f'{{"a":{TENSOR},"\\u0061":{TENSOR}}}',
    "a name twice, the first out of place": f'{{"a":{json.dumps(entry("U8", [9], [7, 16]))},"a":{TENSOR}}}',
}


def refusal(data: bytes) -> FormatError | None:
    try:
        read(SAFETENSORS, data)
    except FormatError as error:
        return error
    return None


def test_the_corpus_is_large_and_holds_both_verdicts() -> None:
    verdicts = [accepted_by_the_library(data) for data in CORPUS.values()]
    assert len(verdicts) >= 500
    assert sum(verdicts) >= 150
    assert len(verdicts) - sum(verdicts) >= 300


@pytest.mark.parametrize("name", CORPUS)
def test_the_verdict_is_the_librarys(name: str) -> None:
    error = refusal(CORPUS[name])
    assert (error is None) == accepted_by_the_library(CORPUS[name]), error
    if error is not None:
        assert "byte" in error.message
        assert error.hint


def test_the_librarys_verdict_on_a_file_is_its_verdict_on_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "odd.safetensors"
    for name, data in CORPUS.items():
        path.write_bytes(data)
        try:
            with safetensors.safe_open(path, "np"):
                opened = True
        except (safetensors.SafetensorError, OSError):
            opened = False
        assert opened == (refusal(data) is None), name


@pytest.mark.parametrize("name", GIVEN_TWICE)
def test_a_duplicate_name_is_refused_where_the_library_drops_one(name: str) -> None:
    data = file_of(GIVEN_TWICE[name])
    assert accepted_by_the_library(data)
    error = refusal(data)
    assert error is not None
    assert "'a' is given twice" in error.message


def test_what_is_accepted_reads_as_the_library_reads_it_and_comes_back_bit_for_bit() -> None:
    for name, data in CORPUS.items():
        if not accepted_by_the_library(data):
            continue
        layout = read(SAFETENSORS, data)
        contents = spans(layout, data)
        ours = {t.name: (t.dtype, list(t.shape), contents[t.storage]) for t in layout.tensors}
        theirs = safetensors.deserialize(data)
        assert ours == {key: (t["dtype"], t["shape"], bytes(t["data"])) for key, t in theirs}, name
        assert fill(cut(io.BytesIO(data), layout), contents) == data, name


#: Pieces that a header is made of, and that a damaged one is likely to get.
PIECES = [
    *'{ } [ ] : , " \\ - + . e 0 1 8 null true NaN a \0 \n'.split(" "),
    *(
        f'"{word}"'
        for word in ("dtype", "shape", "data_offsets", "__metadata__", "a", "F4", "U8", "BF16")
    ),
    *("[0,8]", "[2]", '"x":[],', r"\ud800", r"\u0041", "1e999", "18446744073709551616", TENSOR),
]
BASES = [
    SOUND,
    f'{{"__metadata__":{{"format":"pt"}},"a":{TENSOR}}}',
    json.dumps({name: entry("F4", [4, 1], [2 * i, 2 * i + 2]) for i, name in enumerate("abcd")}),
    '{"a":["U8",[8],[0,8]],"":{"x":{"y":[1,-0,1e5]},"dtype":{"I64":null},"shape":[0],"data_offsets":[0,0]}}',
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A sound header with a few pieces put in, taken out or put over others."""
    text = draw(st.sampled_from(BASES))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = start + draw(st.sampled_from([0, 0, 1, 1, 2, 5]))
        text = text[:start] + draw(st.sampled_from([*PIECES, "", "", ""])) + text[end:]
    return file_of(text)


@given(damaged())
@settings(max_examples=10 * PROFILE)
def test_the_verdict_on_a_damaged_header_is_the_librarys(data: bytes) -> None:
    error = refusal(data)
    assert (error is None) == accepted_by_the_library(data) or "given twice" in str(error)


NUMBERS = st.one_of(
    st.integers(0, 9),
    st.sampled_from([2**31, 2**32, 2**61, 2**63, 2**64 - 1, 2**64, -1, 1.0, True, None]),
)
ENTRIES = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from([*DTYPES, "F8", ""]),
        "shape": st.lists(NUMBERS, max_size=3),
        "data_offsets": st.lists(NUMBERS, min_size=2, max_size=2),
    }
)


@given(st.dictionaries(st.text(max_size=3), ENTRIES, max_size=3), st.binary(max_size=8))
@settings(max_examples=5 * PROFILE)
def test_the_verdict_on_a_made_up_header_is_the_librarys(header: object, data: bytes) -> None:
    file = file_of(json.dumps(header), data)
    assert (refusal(file) is None) == accepted_by_the_library(file)


@st.composite
def packed(draw: st.DrawFn) -> bytes:
    """Tensors back to back, of any dtype, in any order; sometimes one number is off by one."""
    tensors: dict[str, object] = {}
    position = 0
    for name in draw(st.lists(st.text(max_size=3), unique=True, max_size=5)):
        dtype = draw(st.sampled_from(sorted(DTYPES)))
        shape = draw(st.lists(st.integers(0, 4), max_size=3))
        size = math.prod(shape) * DTYPES[dtype].bits // 8
        slip = draw(st.sampled_from([0, 0, 0, 0, 0, 1, -1]))
        tensors[name] = entry(dtype, shape, [position, max(position + size + slip, 0)])
        position += size
    shuffled = dict(draw(st.permutations(list(tensors.items()))))
    return file_of(json.dumps(shuffled), bytes(position))


@given(packed())
@settings(max_examples=5 * PROFILE)
def test_the_verdict_on_packed_tensors_is_the_librarys(file: bytes) -> None:
    assert (refusal(file) is None) == accepted_by_the_library(file)


@given(st.binary(max_size=64), st.booleans())
def test_any_bytes_are_read_or_refused_and_raise_nothing_else(data: bytes, framed: bool) -> None:
    file = file_of(data, b"") if framed else data
    assert (refusal(file) is None) == accepted_by_the_library(file)
