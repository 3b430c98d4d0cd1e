"""An index makes several files one model; a bad one makes none, and never stops anything."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mvc.errors import MalformedFile, MissingObject
from mvc.formats.sharded import ModelFiles, ShardIndex, models, parse_index, render_index

INDEX = "model.safetensors.index.json"
ONE, TWO = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
WHOLE = render_index({"a": ONE, "b": TWO, "c": ONE}, {"total_size": 12})


def always(text: bytes) -> Callable[[str], bytes]:
    return lambda _: text


def test_an_index_is_written_as_transformers_writes_it() -> None:
    index = {"metadata": {"total_size": 12}, "weight_map": {"b": TWO, "é": ONE, "a": ONE}}
    expected = (json.dumps(index, indent=2, sort_keys=True) + "\n").encode()
    assert render_index(index["weight_map"], index["metadata"]) == expected  # type: ignore[arg-type]
    assert expected.startswith(
        b'{\n  "metadata": {\n    "total_size": 12\n  },\n  "weight_map": {\n    "a": '
    )


NAMES = st.text(st.characters(codec="utf-8"), max_size=8)
SHARDS = st.from_regex(r"[a-z][a-z0-9-]{0,9}\.safetensors", fullmatch=True)


@given(st.dictionaries(NAMES, SHARDS), st.dictionaries(NAMES, st.integers(0, 2**63) | NAMES))
def test_reading_a_written_index_gives_it_again(
    weight_map: dict[str, str], metadata: dict[str, Any]
) -> None:
    assert parse_index(render_index(weight_map, metadata)) == ShardIndex(weight_map, metadata)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not JSON"),
        ("[]", "not a JSON object"),
        ("{}", "weight_map is not a JSON object"),
        ('{"weight_map":[]}', "weight_map is not a JSON object"),
        ('{"weight_map":{"a":1}}', "'a' no file name"),
        ('{"weight_map":{"a":"x","a":"x"}}', "a key twice"),
        ('{"weight_map":{},"weight_map":{}}', "a key twice"),
        ('{"weight_map":{},"metadata":1}', "metadata is not a JSON object"),
        ('{"weight_map":{"a":"../x"}}', "not beside the index"),
        ('{"weight_map":{"a":"sub/x.safetensors"}}', "not beside the index"),
        ('{"weight_map":{"a":"/etc/passwd"}}', "not beside the index"),
        ('{"weight_map":{"a":""}}', "is empty"),
        ('{"weight_map":{"a":".."}}', "'.' or '..'"),
        ('{"weight_map":{"a":".mvc"}}', "reserved"),
        ('{"weight_map":{"a":"c:x"}}', "Windows"),
        ('{"weight_map":{"a":"x\\u0000"}}', "control character"),
        ('{"weight_map":{"a":"\\ud800"}}', "lone surrogate"),
        ('{"weight_map":{},"metadata":{"x":' + "[" * 200 + "]" * 200 + "}}", "nested too deeply"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_a_malformed_index_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(MalformedFile) as caught:
        parse_index(text.encode())
    assert reason in caught.value.message


@given(st.binary(max_size=60))
def test_any_bytes_are_an_index_or_malformed(text: bytes) -> None:
    with pytest.raises(MalformedFile):
        parse_index(text)


def test_other_keys_beside_the_weight_map_are_passed_over() -> None:
    assert parse_index(b'{"weight_map":{"a":"x"},"version":1}') == ShardIndex({"a": "x"}, {})
    assert parse_index(b'{"weight_map":{"a":"x"},"metadata":null}') == ShardIndex({"a": "x"}, {})


def test_an_index_and_its_shards_are_one_model() -> None:
    assert models([TWO, "config.json", INDEX, ONE], always(WHOLE)) == [
        ModelFiles("model.safetensors", (ONE, TWO), INDEX)
    ]


def test_shards_are_looked_for_beside_their_index() -> None:
    tracked = [f"sub/{INDEX}", f"sub/{ONE}", TWO]
    assert models(tracked, always(WHOLE)) == [
        ModelFiles(TWO, (TWO,)),
        ModelFiles("sub/model.safetensors", (f"sub/{ONE}",), f"sub/{INDEX}", (f"sub/{TWO}",)),
    ]


def test_every_other_weight_file_is_a_model_of_its_own() -> None:
    tracked = [
        "a.safetensors",
        "B.PT",
        "c.pth",
        "d.bin",
        "e.ckpt",
        "readme.md",
        "sub/f.safetensors",
    ]
    assert [(m.name, m.files, m.index) for m in models(tracked, always(b""))] == [
        (path, (path,), None) for path in sorted(tracked) if path != "readme.md"
    ]


def test_pytorch_shards_have_an_index_too() -> None:
    text = render_index({"a": "pytorch_model-1.bin"}, {})
    assert models(["pytorch_model-1.bin", "pytorch_model.bin.index.json"], always(text)) == [
        ModelFiles("pytorch_model.bin", ("pytorch_model-1.bin",), "pytorch_model.bin.index.json")
    ]


@pytest.mark.parametrize("text", [b"", b"{}", b'{"weight_map":{"a":"../x"}}', b"\xff"])
def test_a_malformed_index_groups_nothing(text: bytes) -> None:
    assert models([INDEX, ONE, TWO], always(text)) == [
        ModelFiles(ONE, (ONE,)),
        ModelFiles(TWO, (TWO,)),
    ]


def test_an_index_that_cant_be_read_groups_nothing() -> None:
    def missing(path: str) -> bytes:
        raise MissingObject(path)

    assert models([INDEX, ONE], missing) == [ModelFiles(ONE, (ONE,))]


def test_an_index_without_a_tracked_shard_is_no_model() -> None:
    assert models([INDEX, "other.safetensors"], always(WHOLE)) == [
        ModelFiles("other.safetensors", ("other.safetensors",))
    ]


def test_a_file_that_has_the_models_name_keeps_it() -> None:
    found = models([INDEX, ONE, TWO, "model.safetensors"], always(WHOLE))
    assert [(m.name, m.index) for m in found] == [("model.safetensors", None), (INDEX, INDEX)]


@given(
    st.sets(
        st.sampled_from(
            [f"{n}.safetensors" for n in "abcd"] + ["x.safetensors.index.json", "y.bin.index.json"]
        )
    ),
    st.dictionaries(NAMES, st.sampled_from([f"{n}.safetensors" for n in "abcd"])),
    st.dictionaries(NAMES, st.sampled_from([f"{n}.safetensors" for n in "abcd"])),
)
def test_every_weight_file_is_in_exactly_one_model(
    tracked: set[str], first: dict[str, str], second: dict[str, str]
) -> None:
    read = {
        "x.safetensors.index.json": render_index(first, {}),
        "y.bin.index.json": render_index(second, {}),
    }
    found = models(tracked, read.__getitem__)
    files = [path for model in found for path in model.files]
    assert sorted(files) == sorted(path for path in tracked if path.endswith(".safetensors"))
    assert len({model.name for model in found}) == len(found)
