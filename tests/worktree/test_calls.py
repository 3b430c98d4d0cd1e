"""What a script may get wrong in a call is said, and nothing is written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mvc
from mvc.errors import CorruptPack, UsageError
from mvc.repository import Repository

ONES = np.ones(2, np.float32)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setattr("mvc.store.fs._full_sync", lambda descriptor: None)
    made = mvc.init(str(tmp_path), who=("Ada", "ada@example.org"))
    made.commit_tensors({"a": ONES}, "one")
    return made


@pytest.mark.parametrize(
    ("tensors", "options"),
    [
        ({1: ONES}, {}),
        ({"__metadata__": ONES}, {}),
        ({"a": ONES}, {"path": "model.pt"}),
        ({"a": ONES}, {"metadata": {"epoch": 1}}),
        ({"a": ONES}, {"metadata": {1: "epoch"}}),
    ],
)
def test_tensors_that_no_safetensors_file_can_hold_are_refused(
    repository: Repository, tensors: Mapping[Any, Any], options: dict[str, Any]
) -> None:
    head = repository.head
    with pytest.raises(UsageError):
        repository.commit_tensors(tensors, "two", **options)
    assert repository.head == head and repository.status().clean


def test_one_path_may_be_given_as_a_string(repository: Repository) -> None:
    Path(repository.root, "abc").write_text("text")
    assert repository.add("abc").paths == ("abc",)


def test_a_reset_of_an_unknown_mode_moves_nothing(repository: Repository) -> None:
    repository.commit_tensors({"a": ONES * 2}, "two")
    head = repository.head
    with pytest.raises(UsageError, match="mode"):
        repository.reset("HEAD~1", mode="sof")
    assert repository.head == head


@pytest.mark.parametrize("content", [b"\x8a\xff\n", b"no id refs/heads/main\n", b"garbage\n"])
def test_damaged_packed_refs_are_called_so(repository: Repository, content: bytes) -> None:
    Path(repository.folder, "packed-refs").write_bytes(content)
    with pytest.raises(CorruptPack, match="packed-refs") as caught:
        dict(repository.branches)
    assert caught.value.hint


def test_a_damaged_branch_is_told_with_the_way_back(repository: Repository) -> None:
    Path(repository.folder, "refs/heads/main").write_text("damaged\n")
    with pytest.raises(CorruptPack, match="refs/heads/main") as caught:
        repository.status()
    assert "mvc repair" in str(caught.value.hint)
