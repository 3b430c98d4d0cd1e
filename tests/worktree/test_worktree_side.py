"""The work tree as a side of a diff, and single tensors put back."""

from __future__ import annotations

import numpy as np
import pytest
from worktree.work import Work, safetensors

from mvc import formats
from mvc.errors import MvcError
from mvc.formats.layout import Tensor
from mvc.history.manifest import Entry, Manifest
from mvc.history.side import Side
from mvc.worktree.side import WorktreeSide

OLD = {"a": ("F32", [2], b"aaaaAAAA"), "b": ("U8", [4], b"bbbb"), "c": ("U8", [2], b"cc")}
NEW = {"a": ("F32", [2], b"xxxxXXXX"), "b": ("U8", [4], b"yyyy"), "c": ("U8", [2], b"cc")}


def tensors_of(side: Side, path: str) -> dict[str, bytes]:
    manifest = side.manifest(path)
    assert manifest is not None
    return {e.name: b"".join(map(bytes, side.chunks(path, e, 3))) for e in manifest.tensors}


def entry_of(manifest: Manifest | None, name: str) -> Entry:
    assert manifest is not None
    return next(entry for entry in manifest.tensors if entry.name == name)


def staged(work: Work) -> WorktreeSide:
    work.write("m.safetensors", safetensors(OLD))
    work.write("same.safetensors", safetensors(OLD))
    work.write("config.json", "{}")
    work.write("gone.txt", "x")
    work.add(*work.files())
    work.write("m.safetensors", safetensors(NEW), 0o755)
    work.write("config.json", '{"a": 1}')
    (work.root / "gone.txt").unlink()
    return WorktreeSide(work.context, work.staged())


def test_it_shows_files_as_they_are_on_disk(work: Work) -> None:
    side = staged(work)
    stage = work.staged()
    assert sorted(side.files) == ["config.json", "m.safetensors", "same.safetensors"]
    assert side.files["same.safetensors"] == stage["same.safetensors"]
    assert side.files["m.safetensors"][0] == 0o100755
    assert side.text("config.json") == b'{"a": 1}'
    assert side.manifest("config.json") is None
    assert tensors_of(side, "m.safetensors") == {n: data for n, (_, _, data) in NEW.items()}
    assert tensors_of(side, "same.safetensors") == {n: data for n, (_, _, data) in OLD.items()}
    work.add("m.safetensors")
    assert side.files["m.safetensors"] == work.staged()["m.safetensors"]


def test_a_refused_model_is_shown_as_bytes(work: Work) -> None:
    staged(work)
    work.write("m.safetensors", b"cut")
    manifest = WorktreeSide(work.context, work.staged()).manifest("m.safetensors")
    assert manifest is not None
    assert (manifest.format, manifest.size) == ("bytes", 3)


def test_a_file_kept_opaque_stays_so(work: Work) -> None:
    work.write("m.safetensors", safetensors(OLD))
    work.add("m.safetensors", opaque=True)
    work.write("m.safetensors", safetensors(NEW))
    manifest = WorktreeSide(work.context, work.staged()).manifest("m.safetensors")
    assert manifest is not None
    assert manifest.format == "bytes"


def test_a_file_that_changes_between_two_looks_is_an_error(work: Work) -> None:
    side = staged(work)
    entry = entry_of(side.manifest("m.safetensors"), "a")
    work.write("m.safetensors", safetensors(OLD))
    with pytest.raises(MvcError, match="changed while it was compared"):
        list(side.chunks("m.safetensors", entry))
    work.write("m.safetensors", safetensors({"other": ("U8", [1], b"x")}))
    with pytest.raises(MvcError, match="any more"):
        list(side.chunks("m.safetensors", entry))


def test_views_are_read_from_the_file(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    from worktree.test_views import HEAD, Views

    table = np.arange(6, dtype=np.float32).reshape(2, 3)
    view = Tensor("t", "F32", (3, 2), "data/0", 0, (1, 3))
    monkeypatch.setattr(formats, "detect", lambda path, head: Views(view))
    work.write("f.views", HEAD + bytes(24) + b"\0")
    work.add("f.views")
    work.write("f.views", HEAD + table.tobytes() + b"\0")
    side = WorktreeSide(work.context, work.staged())
    assert tensors_of(side, "f.views") == {"t": table.T.tobytes()}
