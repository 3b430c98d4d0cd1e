"""Single tensors come back from a snapshot; the rest of the file stays as it is on disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from worktree.work import Work, safetensors

from mvc.errors import MvcError, UsageError
from mvc.merge.picking import pick
from mvc.worktree.checkout import switch_files

OLD = {"a": ("U8", [4], b"aaaa"), "b": ("U8", [4], b"bbbb")}
NEW = {"a": ("U8", [4], b"xxxx"), "b": ("U8", [4], b"yyyy")}
FILE = "m.safetensors"


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """The old file on the stage, the new one on disk."""
    work = Work(tmp_path)
    work.write(FILE, safetensors(OLD))
    work.add(FILE)
    work.write(FILE, safetensors(NEW))
    return work


def restore(work: Work, *globs: str) -> None:
    origin = work.staged()
    objects = work.context.writer()
    changed = pick(work.context, objects, origin, [*origin], globs=globs)
    objects.flush()
    assert list(changed) == [FILE]
    switch_files(work.context, origin, origin.with_files(changed), force=True, paths=[FILE])


def test_tensors_come_back_alone(work: Work) -> None:
    restore(work, "a*")
    assert work.read(FILE) == safetensors({**NEW, "a": OLD["a"]})


def test_what_is_replaced_on_disk_is_still_in_the_store(work: Work) -> None:
    from mvc.ids import object_id

    restore(work, "a*")
    assert work.context.store.read(object_id(b"xxxx")) == b"xxxx"


def test_a_tensor_of_another_form_comes_with_a_new_header(work: Work) -> None:
    work.write(FILE, safetensors({"a": ("U8", [2], b"xx"), "c": ("U8", [1], b"c")}))
    restore(work, "*a", "b")
    assert work.read(FILE) == safetensors({**OLD, "c": ("U8", [1], b"c")})


def test_a_glob_that_fits_nothing_is_an_error(work: Work) -> None:
    for globs in (["z*"], []):
        with pytest.raises(UsageError, match="no tensor matches"):
            pick(work.context, work.context.writer(), work.staged(), [FILE], globs=globs)


def test_a_model_that_became_text_has_no_tensors(work: Work) -> None:
    work.write(FILE, b"just text\n")
    with pytest.raises(MvcError, match=FILE):
        pick(work.context, work.context.writer(), work.staged(), [FILE], globs=["*"])
