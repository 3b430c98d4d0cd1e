"""A repository whose store holds one small model, committed twice; and a history to ruin."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import mvc
from mvc.repository import Repository

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from maintenance import ruins
from worktree.work import safetensors


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setattr("mvc.store.fs._full_sync", lambda descriptor: None)
    found = mvc.init(str(tmp_path), who=("Ada", "ada@example.org"))
    for step in range(2):
        tensors = {"a": ("U8", [4], b"same"), "b": ("U8", [64], bytes([step]) * 64)}
        (tmp_path / "m.safetensors").write_bytes(safetensors(tensors))
        (tmp_path / "notes.txt").write_text(f"step {step}")
        found.add(["."])
        found.commit(f"step {step}")
    return found


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The history as it was built: only to be copied."""
    root = tmp_path_factory.mktemp("original")
    ruins.build(root)
    return root


@pytest.fixture(scope="session")
def whole(original: Path) -> ruins.Contents:
    """What every branch and tag of the history holds."""
    return ruins.contents(original)


@pytest.fixture
def history(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the history, to damage."""
    monkeypatch.setattr("mvc.store.fs._full_sync", lambda descriptor: None)
    root = tmp_path / "history"
    shutil.copytree(original, root)
    yield root
    shutil.rmtree(root)
