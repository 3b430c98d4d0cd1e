"""The symbolic unpickler against the standard library's, and its inverse."""

from __future__ import annotations

import contextlib
import pickle
from collections import OrderedDict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mvc.errors import FormatError, MalformedFile
from mvc.formats.pytorch.nodes import (
    Edit,
    Global,
    Mapping,
    Node,
    Object,
    OldString,
    PersistentId,
    Sequence,
)
from mvc.formats.pytorch.pickle_reader import read_pickle
from mvc.formats.pytorch.pickle_writer import write_pickle

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(2**3000), max_value=2**3000)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
)
_KEYS = st.text() | st.integers() | st.tuples(st.integers(), st.text())
VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(_KEYS, inner)
        | st.frozensets(_KEYS)
        | st.sets(_KEYS)
        | st.dictionaries(_KEYS, inner).map(OrderedDict)
        | st.binary().map(bytearray)
    ),
    max_leaves=30,
)
#: What the standard library's pickles call; the only calls that this oracle makes.
_KNOWN: dict[Global, Any] = {
    Global("collections", "OrderedDict"): OrderedDict,
    Global("_codecs", "encode"): lambda text, _: text.encode("latin-1"),
}
for _builtins in ("builtins", "__builtin__"):
    for _kind in (set, frozenset, bytearray, bytes):
        _KNOWN[Global(_builtins, _kind.__name__)] = _kind


def value_of(node: Node) -> Any:
    """The Python value that a node of plain data stands for."""
    if isinstance(node, Sequence):
        kinds: dict[str, Any] = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}
        return kinds[node.kind](value_of(item) for item in node.items)
    if isinstance(node, Mapping):
        keys, values = map(value_of, node.keys), map(value_of, node.values)
        return dict(zip(keys, values, strict=True))
    if isinstance(node, Object):
        assert isinstance(node.callable, Global)
        made = _KNOWN[node.callable](*value_of(node.arguments))
        for step in node.edits or ():
            assert step.kind == "set"
            made.update(value_of(Mapping(step.keys, step.values)))
        return made
    return node.decode("latin-1") if isinstance(node, OldString) else node


@given(VALUES, st.integers(min_value=0, max_value=5))
def test_plain_values_read_as_the_standard_library_wrote_them(value: Any, protocol: int) -> None:
    assert value_of(read_pickle(pickle.dumps(value, protocol))[0]) == value


@given(VALUES, st.integers(min_value=0, max_value=5))
def test_plain_values_written_again_load_as_they_were(value: Any, protocol: int) -> None:
    node, declared = read_pickle(pickle.dumps(value, protocol))
    again = pickle.loads(write_pickle(node, declared))
    assert again == value
    assert repr(again) == repr(pickle.loads(pickle.dumps(value, protocol)))


@given(VALUES)
def test_writing_is_a_fixed_point_of_reading(value: Any) -> None:
    once = write_pickle(read_pickle(pickle.dumps(value))[0], 2)
    assert write_pickle(read_pickle(once)[0], 2) == once


def test_shared_objects_stay_shared() -> None:
    inner: list[int] = [1]
    again = pickle.loads(write_pickle(read_pickle(pickle.dumps([inner, inner]))[0], 2))
    assert again[0] is again[1]


def test_cycles_through_every_container_stay_cycles() -> None:
    items: list[Any] = []
    items.append((items, {"back": items}))
    items.append((items, 1, 2, 3, 4))
    again = pickle.loads(write_pickle(read_pickle(pickle.dumps(items))[0], 4))
    assert again[0][0] is again
    assert again[0][1]["back"] is again
    assert again[1][0] is again


def test_a_cycle_that_begins_inside_a_tuple_is_written() -> None:
    items: list[Any] = []
    pair = (items, 7)
    items.append(pair)
    again = pickle.loads(write_pickle(read_pickle(pickle.dumps(pair))[0], 2))
    assert again[0][0] is again
    assert again[1] == 7


def test_a_cycle_that_begins_in_a_calls_arguments_is_written() -> None:
    holder = Sequence("list", [])
    call = Object("reduce", Global("collections", "deque"), Sequence("tuple", [holder]))
    holder.items.append(call)
    again, _ = read_pickle(write_pickle(call, 2))
    assert isinstance(again, Object)
    assert isinstance(again.arguments, Sequence)
    inner = again.arguments.items[0]
    assert isinstance(inner, Sequence)
    assert inner.items == [again]


def test_objects_are_filled_in_the_order_of_the_file() -> None:
    data = (
        b"\x80\x02cmy.module\nThing\n)\x81}X\x01\x00\x00\x00aK\x01sb(X\x01\x00\x00\x00kK\x02u"
        b"(K\x03K\x04eK\x05a."
    )
    node, _ = read_pickle(data)
    assert isinstance(node, Object)
    assert (node.how, node.callable) == ("newobj", Global("my.module", "Thing"))
    assert [step.kind for step in node.edits or []] == ["build", "set", "append"]
    assert (node.edits or [])[2].values == [3, 4, 5]
    again, _ = read_pickle(write_pickle(node, 2))
    assert isinstance(again, Object)
    assert [(s.kind, len(s.values)) for s in again.edits or []] == [
        ("build", 1),
        ("set", 1),
        ("append", 3),
    ]


def test_classes_of_old_and_new_opcodes_are_kept_by_name() -> None:
    old, _ = read_pickle(b"(imy.module\nOld\n.")
    assert isinstance(old, Object)
    assert (old.how, old.callable) == ("newobj", Global("my.module", "Old"))
    with_arguments, _ = read_pickle(b"(cmy.module\nOld\nI1\no.")
    assert isinstance(with_arguments, Object)
    assert with_arguments.how == "reduce"
    extended, _ = read_pickle(b"\x80\x04\x8c\x01m\x8c\x01C\x93)}\x92.")
    assert isinstance(extended, Object)
    assert (extended.how, type(extended.keywords)) == ("newobj_ex", Mapping)
    again, _ = read_pickle(write_pickle(extended, 4))
    assert isinstance(again, Object)
    assert again.how == "newobj_ex"


def test_persistent_ids_of_both_kinds_are_kept() -> None:
    for data in (b"Pname\n.", b"\x80\x02X\x04\x00\x00\x00nameQ."):
        node, _ = read_pickle(data)
        assert isinstance(node, PersistentId)
        again, _ = read_pickle(write_pickle(node, 2))
        assert isinstance(again, PersistentId)
        assert node.value == again.value == "name"


def test_a_name_that_a_line_can_not_hold_is_written_from_strings() -> None:
    for name in ("Größe", "two\nlines", "\ud800"):
        again, _ = read_pickle(write_pickle(Global("my.module", name), 4))
        assert again == Global("my.module", name)


def test_sets_and_added_items_survive() -> None:
    node = Object("newobj", Global("m", "S"), Sequence("tuple", []))
    node.edits = [Edit("add", [], [1, 2])]
    again, _ = read_pickle(write_pickle(node, 4))
    assert isinstance(again, Object)
    assert again.edits is not None
    assert (again.edits[0].kind, again.edits[0].values) == ("add", [1, 2])


@pytest.mark.parametrize(
    ("reason", "data"),
    [
        ("nothing", b""),
        ("no end", b"\x80\x02}"),
        ("empty stack", b"."),
        ("two values", b"NN."),
        ("an open mark", b"(N."),
        ("an unknown opcode", b"\xff."),
        ("a newer protocol", b"\x80\x06N."),
        ("a registered extension", b"\x82\x01."),
        ("a buffer from outside", b"\x97."),
        ("an unknown memo", b"h\x07."),
        ("a negative memo", b"g-1\n."),
        ("a tuple of too much", b"N\x86."),
        ("a dict of odd length", b"(Nd."),
        ("an item for a number", b"K\x01Na."),
        ("a pair for a list", b"]NNs."),
        ("a state for a dict", b"}}b."),
        ("an item for a tuple", b")K\x01a."),
        ("a cut string", b"X\xff\x00\x00\x00abc."),
        ("a huge string", b"\x8d" + b"\xff" * 8 + b"abc."),
        ("a negative length", b"T\xff\xff\xff\xff."),
        ("a cut float", b"G\x00\x00."),
        ("a number that is none", b"Iabc\n."),
        ("a number of many digits", b"L" + b"9" * 5000 + b"L\n."),
        ("a line without end", b"cos"),
        ("bytes that are no text", b"X\x01\x00\x00\x00\xff."),
        ("a global by number", b"K\x01K\x02\x93."),
        ("a string without quotes", b"Sabc\n."),
        ("an object of nothing", b"(o."),
    ],
)
def test_a_damaged_pickle_is_refused_with_its_place(reason: str, data: bytes) -> None:
    with pytest.raises(MalformedFile, match=r"at byte \d+"):
        read_pickle(data)
    assert reason


@given(st.binary(max_size=200))
def test_arbitrary_bytes_never_escape_as_a_foreign_exception(data: bytes) -> None:
    with contextlib.suppress(FormatError):
        read_pickle(data)


@given(VALUES, st.integers(min_value=0, max_value=5), st.data())
def test_a_flipped_bit_never_escapes_as_a_foreign_exception(
    value: Any, protocol: int, data: st.DataObject
) -> None:
    damaged = bytearray(pickle.dumps(value, protocol))
    at = data.draw(st.integers(min_value=0, max_value=len(damaged) * 8 - 1))
    damaged[at // 8] ^= 1 << at % 8
    try:
        node, declared = read_pickle(bytes(damaged))
    except FormatError:
        return
    again, _ = read_pickle(write_pickle(node, declared))
    assert type(again) is type(node)
