"""``.weight_hashes.json`` as text: canonical, line by line, and strict about what it reads."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hooks.weight_hashes import Conflicted, Tensor, Weight, decode, encode, encode_one
from mvc.errors import FormatError, MalformedFile

ID = "0123456789abcdef" * 4

digest = st.text("0123456789abcdef", min_size=64, max_size=64)
#: Lone surrogates too: a path that is no UTF-8 has them.
names = st.text(st.characters(), max_size=20)
tensor = st.builds(
    Tensor,
    st.sampled_from(["F32", "BF16", "F8_E4M3"]),
    st.lists(st.integers(0, 2**63), max_size=4).map(tuple),
    digest,
)
plain = st.builds(Weight, digest, st.integers(0, 2**63))
model = st.builds(
    Weight,
    digest,
    st.integers(0, 2**63),
    st.sampled_from(["safetensors", "pytorch"]),
    digest,
    digest,
    st.dictionaries(names, tensor, max_size=4),
)
weights = st.dictionaries(names, plain | model, max_size=4)


@given(weights)
def test_what_is_written_is_read_back(files: dict[str, Weight]) -> None:
    assert decode(encode(files)) == files


@given(weights)
def test_equal_values_have_equal_bytes(files: dict[str, Weight]) -> None:
    backwards = {path: files[path] for path in reversed(files)}
    assert encode(backwards) == encode(files)


@given(weights)
def test_the_text_is_sorted_json_in_ascii(files: dict[str, Weight]) -> None:
    text = encode(files)
    top = json.loads(text.decode("ascii"))
    assert json.dumps(top, sort_keys=True) == json.dumps(top)
    assert text.endswith(b"}\n")
    for path, weight in files.items():
        assert encode_one(path, weight) in text


def test_a_line_a_tensor() -> None:
    files = {
        "a.safetensors": Weight(
            ID,
            20,
            "safetensors",
            ID,
            ID,
            {"w": Tensor("F32", (2, 3), ID), "b": Tensor("I8", (), ID)},
        ),
        "b.gguf": Weight(ID, 7),
    }
    assert (
        encode(files).decode()
        == f"""{{
  "files": {{
    "a.safetensors": {{
      "format": "safetensors",
      "metadata": "{ID}",
      "sha256": "{ID}",
      "size": 20,
      "tensors": {{
        "b": {{"dtype": "I8", "id": "{ID}", "shape": []}},
        "w": {{"dtype": "F32", "id": "{ID}", "shape": [2, 3]}}
      }},
      "weights": "{ID}"
    }},
    "b.gguf": {{
      "format": "bytes",
      "sha256": "{ID}",
      "size": 7
    }}
  }},
  "version": 1
}}
"""
    )


def test_no_weights() -> None:
    assert encode({}) == b'{\n  "files": {},\n  "version": 1\n}\n'


GOOD = f'{{"files": {{"a": {{"format": "bytes", "sha256": "{ID}", "size": 7}}}}, "version": 1}}'


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("7", "-1"),
        ("7", "7.0"),
        ("7", "true"),
        (ID, ID.upper()),
        (ID, ID[1:]),
        (f'"{ID}"', "1"),
        ('"bytes"', '""'),
        ('"bytes"', '"\\u001b[31m"'),
        ('"format"', '"from"'),
        ('"size": 7', '"size": 7, "size": 8'),
        ('"size": 7', '"size": 7, "tensors": []'),
        ('"size": 7', '"size": 7, "tensors": {}'),
        ('"version": 1', '"version": 0'),
        ('"version": 1', '"version": true'),
        (GOOD, "null"),
        (GOOD, "[" * 100_000),
        (GOOD, "{" + GOOD),
        (GOOD, GOOD[:-1]),
    ],
)
def test_damage_is_found_and_named(old: str, new: str) -> None:
    decode(GOOD.encode())
    damaged = GOOD.replace(old, new)
    assert damaged != GOOD
    with pytest.raises(MalformedFile, match=r"\.weight_hashes\.json is damaged"):
        decode(damaged.encode())


@pytest.mark.parametrize("field", ["dtype", "id", "shape"])
def test_a_tensor_lacks_nothing(field: str) -> None:
    files = {"a": Weight(ID, 1, "pytorch", ID, ID, {"t": Tensor("F32", (1,), ID)})}
    broken = encode(files).replace(f'"{field}"'.encode(), b'"x"')
    with pytest.raises(MalformedFile, match=f"the tensor 't' of 'a' has no \"{field}\""):
        decode(broken)


@pytest.mark.parametrize("marker", ["<<<<<<< HEAD", "=======", ">>>>>>> side", "||||||| base"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_conflict_markers_are_called_so(marker: str, end: str) -> None:
    with pytest.raises(Conflicted):
        decode(f"{GOOD}{end}{marker}{end}".encode())


def test_a_newer_version_is_not_called_damaged() -> None:
    with pytest.raises(FormatError, match="has version 2") as caught:
        decode(GOOD.replace('"version": 1', '"version": 2').encode())
    assert not isinstance(caught.value, MalformedFile)
    assert caught.value.hint
