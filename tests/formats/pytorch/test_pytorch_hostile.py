"""Files made to harm: nothing runs, nothing grows, nothing escapes but a FormatError."""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
from formats.format_contract import fill, read, spans
from formats.pytorch.torch_zip import Call, Name, Store, archive, floats, of_pickle, saved, tensor
from hypothesis import given
from hypothesis import strategies as st

from mvc.errors import FormatError, LimitExceeded, MalformedFile, UnsafePickle
from mvc.formats.layout import Layout
from mvc.formats.pytorch import PYTORCH
from mvc.formats.skeleton import cut

SOUND = saved({"w": floats(2, 3), "v": tensor(Store(bytes(16)), (2,), (2,)), "n": [1, "a", None]})


def of(content: bytes, stores: list[bytes] | None = None) -> Layout:
    return read(PYTORCH, of_pickle(content, stores or []).write())


class _Attack:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.canary}",)


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_calls_the_shell_is_refused_and_not_run(
    protocol: int, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    content = pickle.dumps({"w": _Attack(canary)}, protocol)
    with pytest.raises(UnsafePickle, match=r"(posix|nt)\.system") as caught:
        of(content)
    assert not canary.exists()
    assert "--opaque" in str(caught.value.hint)
    pickle.loads(content)  # the attack is a real one
    assert canary.exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("posix", "popen"),
        ("nt", "system"),
        ("os.path", "expanduser"),
        ("subprocess", "Popen"),
        ("builtins", "eval"),
        ("__builtin__", "exec"),
        ("builtins", "getattr"),
        ("builtins", "__import__"),
        ("builtins", "eval.__call__"),
        ("sys", "modules"),
        ("socket", "socket"),
        ("shutil", "rmtree"),
        ("runpy", "_run_code"),
        ("ctypes", "CDLL"),
        ("importlib", "import_module"),
        ("importlib.util", "spec_from_loader"),
        ("pty", "spawn"),
        ("webbrowser", "open"),
        ("torch", "serialization.os.system"),
        ("torch.storage", "io.os.system"),
        ("collections", "OrderedDict.__init__.__globals__"),
        ("operator", "attrgetter"),
        ("functools", "reduce"),
        ("pickle", "loads"),
        ("torch.hub", "load"),
    ],
)
def test_a_dangerous_name_is_refused_however_it_is_spelled(module: str, name: str) -> None:
    as_line = f"c{module}\n{name}\n.".encode()
    as_strings = b"\x80\x04" + _short(module) + _short(name) + b"\x93."
    as_instance = b"(" + f"i{module}\n{name}\n.".encode()
    for content in (as_line, as_strings, as_instance):
        with pytest.raises(UnsafePickle) as caught:
            of(content)
        assert f"{module}.{name}" in caught.value.message


def _short(text: str) -> bytes:
    return b"\x8c" + bytes((len(text),)) + text.encode()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "set"),
        ("__builtin__", "complex"),
        ("copy_reg", "_reconstructor"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("pathlib", "PosixPath"),
        ("functools", "partial"),
        ("my.os.package", "Model"),
        ("datetime", "datetime"),
        ("argparse", "Namespace"),
    ],
)
def test_a_foreign_name_that_checkpoints_do_hold_is_kept(module: str, name: str) -> None:
    value = {"x": Call(Name(module, name), (1, "a"), {"w": floats(2)})}
    assert [t.name for t in read(PYTORCH, saved(value)).tensors] == ["x.w"]


def test_shared_references_do_not_multiply() -> None:
    bomb: list[Any] = [floats(1)]
    for _ in range(200):
        bomb = [bomb, bomb, bomb]
    assert len(read(PYTORCH, saved({"bomb": bomb})).tensors) == 1


def test_a_tensor_has_as_many_lines_as_places_in_the_file() -> None:
    shared = floats(1)
    assert len(read(PYTORCH, saved([shared] * 2_000)).tensors) == 2_000


@pytest.mark.parametrize("opener", [b"]", b"}K\x00"])
def test_deep_nesting_is_refused(opener: bytes) -> None:
    closer = b"a" if opener == b"]" else b"s"
    content = b"\x80\x02" + opener * 1_500 + b"N" + closer * 1_500 + b"."
    with pytest.raises(LimitExceeded, match="nests deeper"):
        of(content)


def test_nested_tuples_are_refused_and_not_recursed_into() -> None:
    with pytest.raises(LimitExceeded, match="nests deeper"):
        of(b"\x80\x02N" + b"\x85" * 100_000 + b".")


def test_wrappers_around_wrappers_are_refused_and_not_recursed_into() -> None:
    opener = b"ctorch._utils\n_rebuild_parameter\n"
    content = b"\x80\x02" + opener * 2_000 + b"N" + b"\x85R" * 2_000 + b"."
    with pytest.raises(LimitExceeded, match="nests deeper"):
        of(content)


def test_long_keys_over_many_containers_take_no_more_memory_than_the_file() -> None:
    key = "k" * 60_000
    value = {i: {key: [[]]} for i in range(2_000)}
    assert read(PYTORCH, saved(value)).tensors == ()


def test_a_name_longer_than_the_cap_is_refused() -> None:
    with pytest.raises(LimitExceeded, match="name is longer"):
        read(PYTORCH, saved({"k" * 70_000: floats(1)}))


def test_more_opcodes_than_the_cap_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mvc.formats.pytorch.pickle_reader.PICKLE_OPCODES", 100)
    with pytest.raises(LimitExceeded, match="100 opcodes"):
        of(b"\x80\x02" + b"N0" * 60 + b"N.")


def test_a_deflate_bomb_is_refused_before_it_grows() -> None:
    made = of_pickle(b"\x80\x02X\x00\x00\x00\x08" + bytes(2**20) + b".")
    made.deflated.add("archive/data.pkl")
    data = made.write()
    short = data.replace((2**20 + 8).to_bytes(4, "little"), (64).to_bytes(4, "little"))
    assert short != data
    with pytest.raises(MalformedFile, match="does not inflate to 64 bytes"):
        read(PYTORCH, short)


def test_a_hostile_number_as_a_key_has_a_name() -> None:
    made = archive({"w": floats(1)})
    content = made.entries["archive/data.pkl"].replace(
        b"X\x01\x00\x00\x00w", b"\x8b\xa0\x0f\x00\x00" + b"\x7f" * 4_000
    )
    made.entries["archive/data.pkl"] = content
    assert [t.name for t in read(PYTORCH, made.write()).tensors] == ["int"]


@given(st.data())
def test_flipped_bits_are_refused_or_come_back_bit_for_bit(data: st.DataObject) -> None:
    damaged = bytearray(SOUND)
    for _ in range(data.draw(st.integers(min_value=1, max_value=4))):
        at = data.draw(st.integers(min_value=0, max_value=len(damaged) * 8 - 1))
        damaged[at // 8] ^= 1 << at % 8
    _refused_or_exact(bytes(damaged))


@given(st.binary(max_size=40), st.integers(min_value=0), st.integers(min_value=0, max_value=40))
def test_spliced_bytes_are_refused_or_come_back_bit_for_bit(
    new: bytes, at: int, removed: int
) -> None:
    at %= len(SOUND)
    _refused_or_exact(SOUND[:at] + new + SOUND[at + removed :])


@given(st.binary(max_size=300))
def test_any_pickle_in_a_sound_zip_is_refused_or_comes_back_bit_for_bit(content: bytes) -> None:
    _refused_or_exact(of_pickle(content, [bytes(8)]).write())


def _refused_or_exact(data: bytes) -> None:
    try:
        layout = read(PYTORCH, data)
        skeleton = cut(io.BytesIO(data), layout)
    except FormatError:
        return
    assert fill(skeleton, spans(layout, data)) == data
