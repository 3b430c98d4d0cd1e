from __future__ import annotations

import io
import zipfile
import zlib
from collections import OrderedDict
from typing import Any

import pytest
from formats.format_contract import fill, read, spans
from formats.pytorch.torch_zip import (
    Call,
    Name,
    Store,
    archive,
    floats,
    of_pickle,
    parameter,
    pickled,
    saved,
    tensor,
)

from mvc.dtypes import nbytes
from mvc.errors import FormatError, MalformedFile, UnsupportedDtype
from mvc.formats.layout import ComposedTensor, Layout
from mvc.formats.pytorch import PYTORCH
from mvc.formats.pytorch.nodes import Global, Mapping, Node, Object, PersistentId, Sequence
from mvc.formats.pytorch.pickle_reader import read_pickle
from mvc.formats.pytorch.pickle_writer import write_pickle
from mvc.formats.pytorch.torch_types import TORCH_DTYPES
from mvc.formats.skeleton import Skeleton, cut

Wanted = dict[str, tuple[str, tuple[int, ...]]]


def composed(
    template: bytes, wanted: Wanted, *, crc: bool = True, metadata: dict[str, str] | None = None
) -> bytes:
    """The new file; a tensor's bytes are its name's length, repeated."""
    layout = read(PYTORCH, template)
    skeleton = cut(io.BytesIO(template), layout).encode()
    contents = {name: bytes([len(name)]) * nbytes(*kind) for name, kind in wanted.items()}
    tensors = tuple(
        ComposedTensor(name, *wanted[name], len(content), zlib.crc32(content) if crc else None)
        for name, content in contents.items()
    )
    encoded, made = PYTORCH.compose(skeleton, tensors, metadata)
    loose = {s.key for s in made.storages} - contents.keys()
    contents |= {key: content for key, content in spans(layout, template).items() if key in loose}
    file = fill(Skeleton.decode(encoded), contents)
    assert read(PYTORCH, file) == made
    return file


def kinds(file: bytes) -> Wanted:
    return {t.name: (t.dtype, t.shape) for t in read(PYTORCH, file).tensors}


def root_of(file: bytes) -> Node:
    with zipfile.ZipFile(io.BytesIO(file)) as opened:
        (name,) = (n for n in opened.namelist() if n.endswith("/data.pkl"))
        return read_pickle(opened.read(name))[0]


def entry_of(node: Node, key: str) -> Node:
    """``node[key]``."""
    if isinstance(node, Object):
        (node,) = (Mapping(s.keys, s.values) for s in node.edits or [] if s.kind == "set")
    assert isinstance(node, Mapping)
    return node.values[node.keys.index(key)]


STATE = OrderedDict({"fc.weight": floats(4, 3), "fc.bias": floats(4)})


def test_a_composed_file_is_a_sound_zip_with_aligned_storages() -> None:
    file = composed(saved(STATE), {"fc.weight": ("F32", (5, 3)), "fc.bias": ("BF16", (5,))})
    with zipfile.ZipFile(io.BytesIO(file)) as opened:
        assert opened.testzip() is None
        assert opened.read("archive/version") == b"3\n"
        assert opened.namelist() == zipfile.ZipFile(io.BytesIO(saved(STATE))).namelist()
    assert all(storage.offset % 64 == 0 for storage in read(PYTORCH, file).storages)


def test_without_crcs_the_directory_has_zeros_as_torch_itself_would_write() -> None:
    file = composed(saved(STATE), {"fc.weight": ("F32", (5, 3))}, crc=False)
    with zipfile.ZipFile(io.BytesIO(file)) as opened:
        assert opened.getinfo("archive/data/0").CRC == 0
        assert opened.getinfo("archive/data.pkl").CRC != 0


def test_a_template_of_the_same_tensors_and_crcs_is_given_back_as_it_is() -> None:
    template = saved(STATE, prefix="odd name")
    layout = read(PYTORCH, template)
    skeleton = cut(io.BytesIO(template), layout).encode()
    contents = spans(layout, template)
    same = tuple(
        ComposedTensor(t.name, t.dtype, t.shape, len(content), zlib.crc32(content))
        for t in layout.tensors
        for content in [contents[t.name]]
    )
    assert PYTORCH.compose(skeleton, same) == (skeleton, layout)


@pytest.mark.parametrize("streamed", [True, False])
def test_other_bytes_in_the_same_tensors_change_the_crcs_alone(streamed: bool) -> None:
    # A zip file that is written to a pipe has its CRCs behind the data, as torch's files have.
    template = archive(STATE).write(streamed=streamed)
    file = composed(template, kinds(template))
    with zipfile.ZipFile(io.BytesIO(file)) as opened:
        assert opened.testzip() is None
        assert opened.read("archive/data.pkl") == archive(STATE).entries["archive/data.pkl"]
    before, after = read(PYTORCH, template), read(PYTORCH, file)
    assert before == after
    contents = {**spans(before, template)}
    crcs = [zlib.crc32(contents[name]).to_bytes(4, "little") for name in contents]
    new = [zlib.crc32(content).to_bytes(4, "little") for content in spans(after, file).values()]
    literal = cut(io.BytesIO(template), before).literal
    for old_crc, new_crc in zip(crcs, new, strict=True):
        assert literal.count(old_crc) == 2
        literal = literal.replace(old_crc, new_crc)
    assert cut(io.BytesIO(file), after).literal == literal
    again = composed(file, kinds(file), crc=False)
    with zipfile.ZipFile(io.BytesIO(again)) as opened:
        assert {opened.getinfo(f"archive/data/{i}").CRC for i in (0, 1)} == {0}


def test_dtype_and_shape_may_change() -> None:
    wanted: Wanted = {"fc.weight": ("F8_E4M3", (2, 2, 2)), "fc.bias": ("I64", ())}
    assert kinds(composed(saved(STATE), wanted)) == wanted


def test_every_dtype_that_torch_has_can_be_written_and_read() -> None:
    wanted: Wanted = {dtype.lower(): (dtype, (2, 3)) for dtype in TORCH_DTYPES}
    assert len(wanted) == 19
    assert kinds(composed(saved({}), wanted)) == wanted


def test_a_tensor_that_is_not_wanted_leaves_its_dict() -> None:
    file = composed(saved(STATE), {"fc.bias": ("F32", (4,))})
    assert set(kinds(file)) == {"fc.bias"}
    with zipfile.ZipFile(io.BytesIO(file)) as opened:
        assert "archive/data/1" not in opened.namelist()


def test_a_tensor_that_is_not_wanted_leaves_none_in_a_list_so_that_names_stay() -> None:
    file = composed(saved([floats(1), floats(2), floats(3)]), {"2": ("F32", (3,))})
    root = root_of(file)
    assert isinstance(root, Sequence)
    assert root.items[:2] == [None, None]
    assert set(kinds(file)) == {"2"}


def test_new_names_go_to_the_dict_with_the_longest_matching_path() -> None:
    template = saved({"model": STATE, "model.fc": {"x": 1}, "epoch": 3})
    wanted = kinds(template) | {
        "model.new.weight": ("F32", (2,)),
        "model.fc.y": ("F32", (3,)),
        "other": ("F32", (1,)),
    }
    root = root_of(composed(template, wanted))
    assert isinstance(entry_of(entry_of(root, "model"), "new.weight"), Object)
    assert isinstance(entry_of(entry_of(root, "model.fc"), "y"), Object)
    assert isinstance(entry_of(root, "other"), Object)


def test_an_empty_ordered_dict_takes_new_names_before_its_attributes_are_set() -> None:
    empty = Call(Name("collections", "OrderedDict"), (), {"_metadata": {}})
    root = root_of(composed(saved(empty), {"w": ("F32", (1,))}))
    assert isinstance(root, Object)
    assert [step.kind for step in root.edits or []] == ["set", "build"]


def test_a_name_without_a_place_is_refused() -> None:
    with pytest.raises(FormatError, match="no dict that could take 'w'") as caught:
        composed(saved([1, 2]), {"w": ("F32", (1,))})
    assert caught.value.hint


def test_all_else_stays_as_it_was() -> None:
    class_ = Name("my.package", "Config")
    value = {
        "state_dict": STATE,
        "config": Call(class_, ("a",), {"depth": 3}),
        "numbers": [1, -2, 2**70, 0.5, None, True],
        "nested": ({"k": (b"raw", "text")}, {1, 2}),
    }
    template = saved(value, protocol=4)
    file = composed(template, {"state_dict.fc.weight": ("F32", (1, 1))})
    before, after = root_of(template), root_of(file)
    for key in ("config", "numbers", "nested"):
        assert shape_of(entry_of(after, key)) == shape_of(entry_of(before, key))
    state = entry_of(after, "state_dict")
    assert isinstance(state, Object)
    assert state.callable == Global("collections", "OrderedDict")


def shape_of(node: Node) -> Any:
    """A node as plain data that compares by value."""
    if isinstance(node, Sequence):
        return node.kind, [shape_of(item) for item in node.items]
    if isinstance(node, Mapping):
        return [(shape_of(k), shape_of(v)) for k, v in zip(node.keys, node.values, strict=True)]
    if isinstance(node, PersistentId):
        return "id", shape_of(node.value)
    if isinstance(node, Object):
        edits = [(s.kind, *map(shape_of, (*s.keys, *s.values))) for s in node.edits or []]
        return node.how, node.callable, shape_of(node.arguments), edits
    return node


def test_a_parameter_stays_one_and_needs_no_gradient_where_it_can_have_none() -> None:
    template = saved({"p": parameter(floats(3)), "q": parameter(floats(3))})
    root = root_of(composed(template, {"p": ("F32", (4,)), "q": ("I8", (4,))}))
    for name, grad in (("p", True), ("q", False)):
        node = entry_of(root, name)
        assert isinstance(node, Object)
        assert node.callable == Global("torch._utils", "_rebuild_parameter")
        assert isinstance(node.arguments, Sequence)
        assert node.arguments.items[1] is grad


def test_requires_grad_and_the_device_stay() -> None:
    made = archive({"t": tensor(Store(bytes(8)), (2,), grad=True)})
    pickle_name = "archive/data.pkl"
    content = made.entries[pickle_name].replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")
    made.entries[pickle_name] = content
    node = entry_of(root_of(composed(made.write(), {"t": ("F32", (3,))})), "t")
    assert isinstance(node, Object)
    assert isinstance(node.arguments, Sequence)
    storage, grad = node.arguments.items[0], node.arguments.items[4]
    assert grad is True
    assert isinstance(storage, PersistentId)
    assert isinstance(storage.value, Sequence)
    assert storage.value.items[3] == "cuda:0"


def test_a_tensor_subclass_keeps_its_class_and_attributes() -> None:
    inner = floats(2)
    fields = (inner.function, Name("my", "Sub"), inner.arguments, {"note": "kept"})
    template = saved({"t": Call(Name("torch._tensor", "_rebuild_from_type_v2"), fields)})
    file = composed(template, {"t": ("F8_E5M2", (5,))})
    node = entry_of(root_of(file), "t")
    assert isinstance(node, Object)
    assert isinstance(node.arguments, Sequence)
    assert node.arguments.items[0] == Global("torch._utils", "_rebuild_tensor_v3")
    assert node.arguments.items[1] == Global("my", "Sub")
    assert shape_of(node.arguments.items[3]) == [("note", "kept")]


def test_tied_and_viewed_tensors_get_storages_of_their_own() -> None:
    tied, store = floats(4), Store(bytes(24))
    template = saved({"a": tied, "b": tied, "c": tensor(store, (2, 3)), "d": tensor(store, (6,))})
    wanted: Wanted = dict.fromkeys("abcd", ("F32", (4,)))
    layout = read(PYTORCH, composed(template, wanted))
    assert [s.key for s in layout.storages] == ["a", "b", "c", "d"]
    assert all(t.strides is None for t in layout.tensors)


def test_storages_without_a_tensors_name_stay_under_their_keys() -> None:
    quantized = Call(
        Name("torch._utils", "_rebuild_qtensor"),
        (Store(b"abc", "QUInt8Storage"), 0, (3,), (1,), (1.0, 0), False, OrderedDict()),
    )
    made = archive({"q": quantized, "w": floats(2), "v": floats(3)})
    made.entries["archive/data/9"] = b"used by nothing"
    template = made.write()
    file = composed(template, {"w": ("F32", (1,)), "v": ("F32", (1,)), "z": ("F32", (1,))})
    contents = spans(read(PYTORCH, file), file)
    assert contents["archive/data/0"] == b"abc"
    assert contents["archive/data/9"] == b"used by nothing"
    assert set(contents) == {"archive/data/0", "archive/data/9", "v", "w", "z"}


def test_other_entries_are_kept_but_for_the_hash_of_the_old_content() -> None:
    made = archive(STATE)
    made.entries |= {
        "archive/.storage_alignment": b"256",
        "archive/.data/serialization_id": b"0123",
        "archive/extra/notes.txt": b"hello " * 50,
    }
    made.deflated.add("archive/extra/notes.txt")
    file = composed(made.write(), {"fc.bias": ("F32", (9,))})
    with zipfile.ZipFile(io.BytesIO(file)) as opened:
        assert opened.testzip() is None
        assert opened.read("archive/extra/notes.txt") == b"hello " * 50
        assert "archive/.data/serialization_id" not in opened.namelist()
    assert all(storage.offset % 256 == 0 for storage in read(PYTORCH, file).storages)


def test_metadata_changes_scalars_at_the_root_in_the_type_that_they_have() -> None:
    template = saved({"epoch": 3, "loss": 0.5, "best": False, "arch": "gcn", "w": floats(1)})
    changed = {"epoch": "4", "loss": "0.25", "best": "true", "arch": "sage", "unknown": "x"}
    file = composed(template, {"w": ("F32", (1,))}, metadata=changed)
    root = root_of(file)
    expected = {"epoch": 4, "loss": 0.25, "best": True, "arch": "sage"}
    assert {key: entry_of(root, key) for key in expected} == expected
    assert "unknown" not in read(PYTORCH, file).metadata
    odd = composed(template, {"w": ("F32", (1,))}, metadata={"epoch": "many"})
    assert read(PYTORCH, odd).metadata["epoch"] == "3"


def test_what_can_not_be_written_is_refused() -> None:
    template = saved(STATE)
    layout = read(PYTORCH, template)
    skeleton = cut(io.BytesIO(template), layout).encode()
    one = ComposedTensor("fc.bias", "F32", (1,), 4)
    with pytest.raises(UnsupportedDtype, match="F6_E2M3"):
        PYTORCH.compose(skeleton, (ComposedTensor("fc.bias", "F6_E2M3", (4,), 3),))
    with pytest.raises(MalformedFile, match="two tensors"):
        PYTORCH.compose(skeleton, (one, one))
    with pytest.raises(MalformedFile, match="5 bytes"):
        PYTORCH.compose(skeleton, (ComposedTensor("fc.bias", "F32", (1,), 5),))


def test_a_torchscript_archive_takes_other_bytes_but_no_other_tensors() -> None:
    made = archive({"w": floats(2)})
    made.entries["archive/constants.pkl"] = pickled(())[0]
    with pytest.raises(FormatError, match="TorchScript"):
        composed(made.write(), {"w": ("F32", (3,))})
    assert kinds(composed(made.write(), {"w": ("F32", (2,))})) == {"w": ("F32", (2,))}


def test_a_tensor_in_a_place_that_can_not_change_is_refused_and_not_lost() -> None:
    inner = entry_of(root_of(saved({"t": floats(2)})), "t")
    called = Object("reduce", inner, Sequence("tuple", []))
    template = of_pickle(write_pickle(Mapping(["odd"], [called]), 2), [bytes(8)]).write()
    assert kinds(template) == {"odd.0": ("F32", (2,))}
    with pytest.raises(FormatError, match=r"no place for 'odd\.0'"):
        composed(template, {"odd.0": ("F32", (3,))})


def test_a_second_composition_of_the_same_is_the_same_file() -> None:
    wanted: Wanted = {"fc.weight": ("F32", (2, 2)), "extra": ("F16", (3,))}
    once = composed(saved(STATE), wanted)
    assert composed(once, wanted) == once
    assert isinstance(read(PYTORCH, once), Layout)
