"""Text and plain bytes in a difference, and modes and renames of any file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mvc.diff.changes import FileChange
from mvc.diff.models import compare_sides

Side = Callable[[], Any]


def only_file(old: Any, new: Any) -> FileChange:
    (file,) = compare_sides(old, new).files
    return file


def test_a_text_file_has_its_lines(side: Side) -> None:
    file = only_file(side().add_text("c.json", "a\nb\n"), side().add_text("c.json", "a\nc\n"))
    assert (file.status, file.kind, file.model) == ("modified", "text", None)
    assert file.text is not None
    assert file.text.lines[-3:] == (" a", "-b", "+c")


def test_plain_bytes_have_sizes_and_no_lines(side: Side) -> None:
    file = only_file(side().add_bytes("v.bin", b"abc"), side().add_bytes("v.bin", b"abcd"))
    assert (file.kind, file.text, file.model) == ("bytes", None, None)
    assert file.old is not None
    assert file.new is not None
    assert (file.old.size, file.new.size) == (3, 4)


def test_text_that_became_a_model_is_shown_as_both(side: Side) -> None:
    old = side().add_text("m.pt", "pointer")
    new = side().add_model("m.pt", {"a": np.zeros(2, "f4")})
    difference = compare_sides(old, new)
    (file,), (model,) = difference.files, difference.models
    assert (file.kind, file.text, file.model) == ("bytes", None, "m.pt")
    assert (model.old_tensors, model.count("added")) == (0, 1)


def test_a_mode_alone_is_a_change_of_mode(side: Side) -> None:
    file = only_file(side().add_text("run", "x", 0o100644), side().add_text("run", "x", 0o100755))
    assert (file.status, file.text) == ("mode", None)


def test_equal_content_elsewhere_is_a_rename_and_keeps_its_name_if_it_can(side: Side) -> None:
    old = side().add_text("a/x", "same").add_text("a/y", "same")
    new = side().add_text("b/y", "same").add_text("b/z", "same").add_text("b/more", "same")
    changes = compare_sides(old, new).files
    assert {(c.status, c.old and c.old.path, c.path) for c in changes} == {
        ("renamed", "a/y", "b/y"),
        ("renamed", "a/x", "b/more"),
        ("added", None, "b/z"),
    }


def test_files_and_models_are_shown_in_the_order_of_their_names(side: Side) -> None:
    new = side().add_text("c", "x").add_model("b.pt", {"a": np.zeros(2)}).add_bytes("a.bin", b"x")
    shown = [getattr(c, "name", None) or c.path for c in compare_sides(side(), new).in_order()]
    assert shown == ["a.bin", "b.pt", "c"]
