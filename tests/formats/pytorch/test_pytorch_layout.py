from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest
from formats.format_contract import read
from formats.pytorch.torch_zip import (
    Call,
    Name,
    Store,
    archive,
    floats,
    of_pickle,
    parameter,
    saved,
    tensor,
)

from mvc.errors import FormatError, LimitExceeded, MalformedFile
from mvc.formats.layout import Layout, Tensor
from mvc.formats.pytorch import PYTORCH

SPARSE = Name("torch._utils", "_rebuild_sparse_tensor")


def layout(value: Any) -> Layout:
    return read(PYTORCH, saved(value))


def names(value: Any) -> list[str]:
    return [t.name for t in layout(value).tensors]


def only(value: Any) -> Tensor:
    (found,) = layout(value).tensors
    return found


def test_a_name_is_the_path_of_keys_and_indexes_from_the_root() -> None:
    value = {"model": OrderedDict({"a.weight": floats(2)}), "opt": [{7: (floats(1), 5)}]}
    assert names(value) == ["model.a.weight", "opt.0.7.0"]


def test_an_objects_attributes_go_by_their_names() -> None:
    model = Call(Name("net", "Model"), (), {"_modules": {"fc": floats(2)}, "training": True})
    slotted = Call(Name("net", "Slotted"), (), (None, {"w": floats(1)}))
    assert names({"m": model, "s": slotted}) == ["m._modules.fc", "s.w"]


def test_a_calls_arguments_go_by_their_places() -> None:
    value = {"s": Call(SPARSE, (Name("torch", "sparse_coo"), (floats(2), floats(3), (4,))))}
    assert names(value) == ["s.1.0", "s.1.1"]


def test_a_parameter_is_the_tensor_that_it_wraps() -> None:
    assert only({"p": parameter(floats(2, 3))}) == Tensor("p", "F32", (2, 3), "p")


def test_a_parameters_own_attributes_are_found_too() -> None:
    with_state = Name("torch._utils", "_rebuild_parameter_with_state")
    value = Call(with_state, (floats(2), True, OrderedDict(), {"scale": floats(1)}))
    assert names({"p": value}) == ["p", "p.scale"]


def test_a_tensor_subclass_is_the_tensor_inside_it() -> None:
    inner = floats(2)
    fields = (inner.function, Name("my", "Sub"), inner.arguments, {"extra": floats(1)})
    value = {"t": Call(Name("torch._tensor", "_rebuild_from_type_v2"), fields)}
    assert names(value) == ["t", "t.extra"]


def test_a_tensor_that_is_the_root_has_a_name() -> None:
    assert only(floats(2)).name == "tensor"


def test_the_second_tensor_of_a_name_gets_a_number() -> None:
    value = {"a": {"b": floats(1)}, "a.b": floats(2), 1: floats(3), "1": floats(4)}
    assert names(value) == ["1", "1#2", "a.b", "a.b#2"]


def test_one_tensor_at_two_places_has_two_lines_over_one_storage() -> None:
    tied = floats(4)
    first, second = layout({"wte": tied, "head": tied}).tensors
    assert (first.name, second.name) == ("head", "wte")
    assert first.storage == second.storage == "archive/data/0"
    assert (first.offset, first.strides) == (0, (1,))


def test_a_transposed_tensor_says_how_it_lies_in_its_storage() -> None:
    found = only({"t": tensor(Store(bytes(24)), (2, 3), (1, 2))})
    assert found == Tensor("t", "F32", (2, 3), "archive/data/0", 0, (1, 2))


def test_a_slice_says_where_it_begins() -> None:
    found = only({"t": tensor(Store(bytes(24)), (2,), (1,), 3)})
    assert (found.offset, found.strides) == (3, (1,))


def test_strides_of_extents_that_are_one_do_not_matter() -> None:
    found = only({"t": tensor(Store(bytes(8)), (1, 2, 1), (99, 1, 7))})
    assert found.strides is None


def test_a_storage_key_gives_way_to_a_tensor_of_that_name() -> None:
    value = {"archive/data/0": floats(1), "v": tensor(Store(bytes(24)), (2,), (1,), 3)}
    made = archive(value)
    # The names are paths, so the first is also what the zip calls its storage: it is sole and keeps it.
    kept = read(PYTORCH, made.write())
    assert {s.key for s in kept.storages} == {"archive/data/0", "archive/data/1"}
    value = {"v": tensor(Store(bytes(24)), (2,), (1,), 3), "archive/data/0": floats(1)}
    moved = layout(value)
    assert {s.key for s in moved.storages} == {"archive/data/0", "archive/data/0'"}
    assert moved.tensors[1].storage == "archive/data/0'"


def test_a_storage_that_something_else_uses_too_keeps_its_own_key() -> None:
    store = Store(bytes(8))
    found = only({"t": tensor(store, (2,)), "raw": [store]})
    assert (found.storage, found.strides) == ("archive/data/0", (1,))


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [("HalfStorage", "F16"), ("BFloat16Storage", "BF16"), ("LongStorage", "I64")],
)
def test_a_storages_class_is_the_dtype(kind: str, dtype: str) -> None:
    assert only({"t": tensor(Store(bytes(8), kind), (1,))}).dtype == dtype


@pytest.mark.parametrize(
    ("torch_dtype", "dtype", "shape"),
    [("uint16", "U16", (2,)), ("float8_e4m3fn", "F8_E4M3", (4,)), ("uint64", "U64", (0,))],
)
def test_a_dtype_named_beside_an_untyped_storage_is_the_dtype(
    torch_dtype: str, dtype: str, shape: tuple[int, ...]
) -> None:
    store = Store(bytes(4 if shape != (0,) else 0), "UntypedStorage")
    assert only({"t": tensor(store, shape, dtype=torch_dtype)}) == Tensor("t", dtype, shape, "t")


def test_a_dtype_without_a_name_leaves_a_span_and_no_line() -> None:
    found = layout({"c": tensor(Store(bytes(32), "ComplexDoubleStorage"), (2,))})
    assert found.tensors == ()
    assert [(s.key, s.length) for s in found.storages] == [("archive/data/0", 32)]


def test_short_scalars_at_the_root_are_the_metadata() -> None:
    value = {"epoch": 3, "lr": 0.5, "best": True, "arch": "gcn", "notes": "x" * 300, "w": [1]}
    expected = {"epoch": "3", "lr": "0.5", "best": "true", "arch": "gcn"}
    assert layout(value).metadata == expected


def test_a_cycle_is_walked_once() -> None:
    value: dict[str, Any] = {"w": floats(1)}
    value["self"] = [value]
    assert names(value) == ["w"]


def test_a_lone_surrogate_in_a_name_can_be_written_down() -> None:
    (name,) = names({"\ud800": floats(1)})
    assert name == "\\ud800"


@pytest.mark.parametrize(
    ("reason", "bad"),
    [
        ("past the end", tensor(Store(bytes(8)), (3,))),
        ("offset past the end", tensor(Store(bytes(8)), (1,), (1,), 2)),
        ("stride past the end", tensor(Store(bytes(8)), (2,), (2,))),
        ("negative extent", tensor(Store(bytes(8)), (-1,), (1,))),
        ("negative stride", tensor(Store(bytes(8)), (2,), (-1,), 1)),
        ("extent that is no number", tensor(Store(bytes(8)), ("2",), (1,))),  # type: ignore[arg-type]
        ("strides of another length", tensor(Store(bytes(8)), (2,), (1, 1))),
        ("too many dimensions", tensor(Store(bytes(8)), (1,) * 65)),
        ("offset that is a bool", tensor(Store(bytes(8)), (1,), (1,), True)),
    ],
)
def test_a_tensor_that_can_not_be_is_refused(reason: str, bad: Call) -> None:
    with pytest.raises(MalformedFile) as caught:
        layout({reason: bad})
    assert "--opaque" in str(caught.value.hint)


def test_a_storage_that_claims_more_than_its_entry_has_is_refused() -> None:
    made = archive({"t": floats(4)})
    made.entries["archive/data/0"] = bytes(15)
    with pytest.raises(MalformedFile, match="4 elements of 4 bytes, the file 15 bytes"):
        read(PYTORCH, made.write())


def test_a_storage_that_is_not_there_is_refused() -> None:
    made = archive({"t": floats(4)})
    del made.entries["archive/data/0"]
    with pytest.raises(MalformedFile, match="'0'"):
        read(PYTORCH, made.write())


def test_a_compressed_storage_is_refused() -> None:
    made = archive({"t": floats(40)})
    made.deflated.add("archive/data/0")
    with pytest.raises(MalformedFile, match="'archive/data/0' is compressed"):
        read(PYTORCH, made.write())


def test_a_compressed_pickle_is_read() -> None:
    made = archive({"t": floats(4)})
    made.deflated.add("archive/data.pkl")
    assert [t.name for t in read(PYTORCH, made.write()).tensors] == ["t"]


def test_a_big_endian_file_is_refused() -> None:
    made = archive({"t": floats(4)})
    made.entries["archive/byteorder"] = b"big"
    with pytest.raises(MalformedFile, match="little-endian"):
        read(PYTORCH, made.write())


def test_a_zip_file_that_torch_did_not_write_is_refused() -> None:
    made = of_pickle(b"\x80\x02}.")
    made.entries = {"a/readme.txt": b"hello"}
    with pytest.raises(MalformedFile, match=r"no data\.pkl"):
        read(PYTORCH, made.write())


def test_expanded_views_may_not_ask_for_endless_hashing() -> None:
    with pytest.raises(LimitExceeded, match="views repeat"):
        layout({"t": tensor(Store(bytes(4)), (2**40,), (0,))})


def test_every_refusal_names_the_way_out() -> None:
    with pytest.raises(FormatError) as caught:
        read(PYTORCH, b"PK\x03\x04 and then nothing of use")
    assert "mvc add --opaque" in str(caught.value.hint)
