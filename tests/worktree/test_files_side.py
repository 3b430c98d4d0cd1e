"""Files of no repository as a side of a diff."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from mvc.errors import MvcError
from mvc.ids import object_id
from mvc.worktree.files_side import FilesSide, below
from mvc.worktree.sameness import same_bytes

HEADER = b'{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'


def model(path: Path, *values: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    body = struct.pack("<2f", *values)
    path.write_bytes(struct.pack("<Q", len(HEADER)) + HEADER + body)
    return path


def test_tensors_are_hashed_and_read_where_they_lie(tmp_path: Path) -> None:
    place = model(tmp_path / "a.safetensors", 1, 2)
    side = FilesSide({"shown": str(place)})
    manifest = side.manifest("shown")
    assert manifest is not None
    (entry,) = manifest.tensors
    assert entry.id == object_id(struct.pack("<2f", 1, 2))
    assert b"".join(map(bytes, side.chunks("shown", entry))) == struct.pack("<2f", 1, 2)
    assert list(tmp_path.iterdir()) == [place], "nothing is written"


def test_a_file_that_changes_between_two_looks_is_an_error(tmp_path: Path) -> None:
    place = model(tmp_path / "a.safetensors", 1, 2)
    side = FilesSide({"a": str(place)})
    manifest = side.manifest("a")
    assert manifest is not None
    model(place, 1, 3)
    os.utime(place, ns=(0, 0))
    with pytest.raises(MvcError, match="changed while it was compared"):
        list(side.chunks("a", manifest.tensors[0]))


def test_plain_bytes_and_text_can_be_read_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\0\1" * 5000)
    (tmp_path / "t").write_text("text\n")
    side = FilesSide(below(str(tmp_path)))
    manifest = side.manifest("x")
    assert manifest is not None
    assert manifest.content == object_id(b"\0\1" * 5000)
    assert side.manifest("t") is None
    assert side.text("t") == b"text\n"


def test_a_text_has_the_id_that_git_gives_it(tmp_path: Path) -> None:
    (tmp_path / "t").write_text("what\n")
    side = FilesSide({"t": str(tmp_path / "t")})
    assert side.files["t"] == (0o100644, "f510eb21780143dc3ad1f6c0d033f05e623885b4")


@pytest.mark.parametrize("length", [0, 1, (1 << 16) - 1, 1 << 16, 300_000])
def test_bytes_are_the_same_or_differ_anywhere(tmp_path: Path, length: int) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    data = bytearray(os.urandom(length))
    one.write_bytes(data)
    other.write_bytes(data)
    assert same_bytes(str(one), str(other))
    for at in {0, length // 2, length - 1} - {-1} if length else ():
        changed = bytearray(data)
        changed[at] ^= 1
        other.write_bytes(changed)
        assert not same_bytes(str(one), str(other))
    other.write_bytes(data + b"!")
    assert not same_bytes(str(one), str(other))
