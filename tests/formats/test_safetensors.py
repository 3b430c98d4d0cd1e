"""safetensors: the layout, what a refusal says, and composing a file that the library loads."""

from __future__ import annotations

import ctypes
import io
import json
import struct
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import safetensors
from formats.format_contract import ComposingContract, fill, pattern, read, spans
from formats.safetensors_files import SOUND, accepted_by_the_library, entry, file_of
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from mvc.dtypes import DTYPES, nbytes
from mvc.errors import CorruptPack, LimitExceeded, MalformedFile, UnsupportedDtype
from mvc.formats.layout import ComposedTensor, Storage, Tensor
from mvc.formats.safetensors import SAFETENSORS
from mvc.formats.skeleton import Skeleton, cut

ALL_DTYPES = {f"t.{d}": entry(d, [8], [0, 0]) for d in DTYPES}
for before, tensor in zip([None, *ALL_DTYPES.values()], ALL_DTYPES.values(), strict=False):
    start = before["data_offsets"][1] if before else 0
    tensor["data_offsets"] = [start, start + DTYPES[tensor["dtype"]].bits]


STRANGE = ["", "\0", "../x", "é", "a" * 99, '"', "\n"]


class TestContract(ComposingContract):
    subject = SAFETENSORS
    samples: ClassVar = {
        "one tensor": file_of(SOUND),
        "metadata, padding and an odd order": file_of(
            '{"b":{"dtype":"U8","shape":[3],"data_offsets":[5,8]},"__metadata__":{"format":"pt","":"\\n"},'
            '"a":{"data_offsets":[0,5],"shape":[5],"dtype":"I8"}}   \n'
        ),
        "every dtype": file_of(ALL_DTYPES, pattern("every", sum(d.bits for d in DTYPES.values()))),
        "strange names": file_of(
            {name: entry("U8", [1], [i, i + 1]) for i, name in enumerate(STRANGE)}, b"1234567"
        ),
        "empty tensors and no dimensions": file_of(
            {"e": entry("F32", [0, 3], [0, 0]), "s": entry("F64", [], [0, 8]), "f": entry("U8", [0], [8, 8])}
        ),
    }  # fmt: skip


def test_a_layout_gives_place_name_dtype_and_shape() -> None:
    header = {
        "b": entry("F16", [2, 1], [4, 8]),
        "__metadata__": {"k": "v"},
        "a": entry("I32", [], [0, 4]),
    }
    data = file_of(header)
    start = len(data) - 8
    layout = read(SAFETENSORS, data)
    assert layout.storages == (Storage("a", start, 4), Storage("b", start + 4, 4))
    assert layout.tensors == (Tensor("a", "I32", (), "a"), Tensor("b", "F16", (2, 1), "b"))
    assert layout.metadata == {"k": "v"}


def test_a_file_that_numpy_saved_reads_as_its_arrays(tmp_path: Path) -> None:
    arrays = {
        "embed": np.arange(12, dtype=np.float32).reshape(3, 4),
        "bias": np.arange(5, dtype=np.float16),
        "step": np.array(7, dtype=np.int64),
        "none": np.zeros((0, 2), dtype=np.uint8),
    }
    path = tmp_path / "model.safetensors"
    save_file(arrays, path, metadata={"format": "np"})
    data = path.read_bytes()
    layout = read(SAFETENSORS, data)
    assert {t.name: t.shape for t in layout.tensors} == {n: a.shape for n, a in arrays.items()}
    assert spans(layout, data) == {name: array.tobytes() for name, array in arrays.items()}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"abc", "ends at byte 3"),
        (file_of(SOUND)[:20], "length at byte 0 is 54, but the file has 20 bytes"),
        (file_of(b"\xff" + SOUND.encode()), "not UTF-8 (invalid start byte) at byte 8"),
        (file_of("é" + SOUND), "not JSON (Expecting value) at byte 8"),
        (file_of('{"é":x}'), "not JSON (Expecting value) at byte 14"),
        (file_of('{"\\ud800":1}'), "lone surrogate at byte 10"),
        (file_of(SOUND.replace("}}", ',"x":1e999}}')), "out of range at byte 65"),
        (file_of("[1]"), "byte 8 is not a JSON object"),
        (file_of(SOUND.replace("F32", "F31")), "'a' has the dtype 'F31', which safetensors does not know"),
        (file_of(SOUND.replace("[2]", "[2.0]")), "'a' has a shape that is not a list of unsigned"),
        (file_of(SOUND.replace("[2]", "[3]")), "'a' has 8 bytes, which is not F32 [3]"),
        (file_of(SOUND.replace("[0,8]", "[1,9]")), "'a' begins at 1 of the data, not at 0: it leaves a gap"),
        (file_of(SOUND, b"123456789"), "the tensors end at byte 70, the file at byte 71"),
        (file_of({"a": entry("F4", [3], [0, 1])}, b"1"), "12 bits long, not a whole number of bytes"),
        (file_of('{"a":["U8",[8],[0,8]],"é":{}}'), "'é' has no dtype (header, byte 30)"),
        (file_of('{"a":["U8",[8],[0,8]],"\\u00e9":{}}'), "'é' has no dtype (header, byte 30)"),
        (file_of('{"a":["U8",[8],[0,8]],"\\u00E9":{}}'), "'é' has no dtype (header, byte 8)"),
        (file_of(SOUND.replace("}}", ',"shape":[2]}}')), "'a' has 2 fields shape"),
    ],
)  # fmt: skip
def test_a_refusal_names_the_byte_and_the_reason(data: bytes, message: str) -> None:
    with pytest.raises(MalformedFile) as caught:
        read(SAFETENSORS, data)
    assert message in caught.value.message
    assert "--opaque" in (caught.value.hint or "")


def test_a_tensors_refusal_points_at_its_name_in_the_header() -> None:
    data = file_of('{"first":["U8",[8],[0,8]],"second":7}')
    with pytest.raises(MalformedFile) as caught:
        read(SAFETENSORS, data)
    place = data.index(b'"second"')
    assert f"(header, byte {place})" in caught.value.message


def test_a_header_beyond_the_librarys_cap_is_refused_unread() -> None:
    class Endless(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            assert size == 8
            return struct.pack("<Q", 100_000_001)

    with pytest.raises(LimitExceeded, match="100000001"):
        SAFETENSORS.read_layout(Endless(), 2**40)


def test_a_file_that_is_shorter_than_it_was_is_refused() -> None:
    with pytest.raises(MalformedFile):
        SAFETENSORS.read_layout(io.BytesIO(file_of(SOUND)[:30]), len(file_of(SOUND)))


def compose(
    template: bytes,
    tensors: dict[str, tuple[str, tuple[int, ...]]],
    metadata: dict[str, str] | None = None,
) -> bytes:
    """The whole new file, each tensor filled with its pattern."""
    made = tuple(ComposedTensor(n, d, s, nbytes(d, s)) for n, (d, s) in tensors.items())
    skeleton = cut(io.BytesIO(template), read(SAFETENSORS, template)).encode()
    encoded, layout = SAFETENSORS.compose(skeleton, made, metadata)
    contents = {t.storage: pattern(t.name, nbytes(t.dtype, t.shape)) for t in layout.tensors}
    return fill(Skeleton.decode(encoded), contents)


def saved_by_the_library(
    tensors: dict[str, tuple[str, tuple[int, ...]]], metadata: dict[str, str] | None
) -> bytes:
    """The library's own file of the same tensors."""
    arrays = {
        name: np.frombuffer(pattern(name, nbytes(dtype, shape)), NUMPY[dtype]).reshape(shape)
        for name, (dtype, shape) in tensors.items()
    }
    return safetensors.numpy.save(arrays, metadata)


#: Those dtypes that NumPy has.
NUMPY = dict(
    zip(
        "BOOL U8 I8 I16 U16 F16 I32 U32 F32 C64 F64 I64 U64".split(),
        "? u1 i1 <i2 <u2 <f2 <i4 <u4 <f4 <c8 <f8 <i8 <u8".split(),
        strict=True,
    )
)
SHAPES = st.lists(st.integers(0, 3), max_size=3).map(tuple)
TEMPLATE = file_of(SOUND)


@given(
    st.dictionaries(
        st.text(max_size=4), st.tuples(st.sampled_from(sorted(NUMPY)), SHAPES), max_size=6
    )
)
def test_a_composed_file_is_what_the_library_would_have_written(tensors: dict[str, Any]) -> None:
    if "__metadata__" not in tensors:
        assert compose(TEMPLATE, tensors) == saved_by_the_library(tensors, None)
        assert compose(TEMPLATE, tensors, {"k\n": "é"}) == saved_by_the_library(
            tensors, {"k\n": "é"}
        )


#: The library's names for those dtypes that it can write: all but the two of 6 bits.
TORCH = dict(
    zip(
        [dtype for dtype in DTYPES if not dtype.startswith("F6_")],
        (
            "bool float4_e2m1fn_x2 uint8 int8 float8_e5m2 float8_e4m3fn float8_e8m0fnu float8_e4m3fnuz "
            "float8_e5m2fnuz int16 uint16 float16 bfloat16 int32 uint32 float32 complex64 float64 int64 uint64"
        ).split(),
        strict=True,
    )
)


def test_tensors_of_every_dtype_stand_in_the_librarys_order() -> None:
    memory = ctypes.create_string_buffer(64)
    shapes = {
        name: (2,) if name == "F4" else (4,) for name in TORCH
    }  # a torch F4 holds two elements
    theirs = safetensors.serialize(
        {
            name: safetensors.TensorSpec(
                dtype=spelled,
                shape=shapes[name],
                data_ptr=ctypes.addressof(memory),
                data_len=nbytes(name, (4,)),
            )
            for name, spelled in TORCH.items()
        }
    )
    ours = compose(TEMPLATE, {name: (name, (4,)) for name in TORCH})
    assert read(SAFETENSORS, ours) == read(SAFETENSORS, theirs)
    length = 8 + int.from_bytes(ours[:8], "little")
    assert ours[:length] == theirs[:length]


SIZED = st.sampled_from(sorted(DTYPES)).flatmap(
    lambda d: st.tuples(st.just(d), st.lists(st.integers(0, 2), max_size=2).map(lambda s: (*s, 4)))
)


@given(
    st.dictionaries(st.text(max_size=4), SIZED, max_size=6),
    st.dictionaries(st.text(), st.text(), max_size=2),
)
def test_the_library_loads_a_composed_file_with_exactly_its_bytes(
    tensors: dict[str, Any], metadata: dict[str, str]
) -> None:
    file = compose(TEMPLATE, tensors, metadata)
    loaded = safetensors.deserialize(file)
    assert {name: (t["dtype"], tuple(t["shape"])) for name, t in loaded} == tensors
    for name, tensor in loaded:
        assert bytes(tensor["data"]) == pattern(name, len(tensor["data"]))
    assert read(SAFETENSORS, file).metadata == metadata
    assert (len(file) - sum(len(t["data"]) for _, t in loaded)) % 8 == 0


def test_the_templates_metadata_is_kept_and_can_be_replaced_or_dropped() -> None:
    template = file_of({"__metadata__": {"z": "1", "a": "2"}, "a": entry()})
    other = {"b": ("F32", (2,))}
    assert list(read(SAFETENSORS, compose(template, other)).metadata.items()) == [
        ("z", "1"),
        ("a", "2"),
    ]
    assert read(SAFETENSORS, compose(template, other, {"n": "3"})).metadata == {"n": "3"}
    assert b"__metadata__" not in compose(template, other, {})


def test_a_template_that_already_describes_the_tensors_is_kept_byte_for_byte() -> None:
    odd = file_of('  {"a" : ["U8",[8],[0,8]], "__metadata__":{"k":"v"}}\n')
    skeleton = cut(io.BytesIO(odd), read(SAFETENSORS, odd)).encode()
    same = (ComposedTensor("a", "U8", (8,), 8),)
    assert SAFETENSORS.compose(skeleton, same) == (skeleton, read(SAFETENSORS, odd))
    assert SAFETENSORS.compose(skeleton, same, {"k": "v"})[0] == skeleton
    assert SAFETENSORS.compose(skeleton, same, {"k": "w"})[0] != skeleton
    assert SAFETENSORS.compose(skeleton, (ComposedTensor("a", "I8", (8,), 8),))[0] != skeleton


def test_what_is_around_tensors_does_not_depend_on_the_spelling_of_a_header_without_any() -> None:
    around = []
    for header in ('{"__metadata__": {"k": "v"}}  ', '{"__metadata__":{"k":"v"}}'):
        file = struct.pack("<Q", len(header)) + header.encode()
        skeleton = cut(io.BytesIO(file), read(SAFETENSORS, file)).encode()
        around.append(SAFETENSORS.rest(SAFETENSORS.compose(skeleton, ())[0]))
    assert around[0] == around[1]


SKELETON = cut(io.BytesIO(TEMPLATE), read(SAFETENSORS, TEMPLATE)).encode()


@pytest.mark.parametrize(
    ("tensors", "error"),
    [
        ([ComposedTensor("a", "Q4_K", (256,), 144)], UnsupportedDtype),
        ([ComposedTensor("a", "U8", (1,), 1), ComposedTensor("a", "U8", (1,), 1)], MalformedFile),
        ([ComposedTensor("__metadata__", "U8", (1,), 1)], MalformedFile),
        ([ComposedTensor("a", "F32", (2,), 4)], MalformedFile),
        ([ComposedTensor("a", "F4", (3,), 1)], MalformedFile),
        ([ComposedTensor("\ud800", "U8", (1,), 1)], MalformedFile),
    ],
)
def test_compose_refuses_what_no_file_can_hold(tensors: list[ComposedTensor], error: type) -> None:
    with pytest.raises(error):
        SAFETENSORS.compose(SKELETON, tuple(tensors))


def test_compose_refuses_a_header_beyond_the_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mvc.limits.SAFETENSORS_HEADER", 64)
    with pytest.raises(LimitExceeded):
        SAFETENSORS.compose(SKELETON, (ComposedTensor("a" * 64, "U8", (1,), 1),))


def test_compose_refuses_a_template_that_is_no_skeleton() -> None:
    with pytest.raises(CorruptPack):
        SAFETENSORS.compose(b"", ())
    with pytest.raises(MalformedFile):
        SAFETENSORS.compose(Skeleton(3, (), b"abc").encode(), ())


def test_composing_nothing_gives_an_empty_file_that_loads() -> None:
    file = compose(TEMPLATE, {})
    assert accepted_by_the_library(file)
    assert json.loads(file[8:]) == {}
