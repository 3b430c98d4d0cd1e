"""A repository whose store holds one small model, committed twice."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import mvc
from mvc.repository import Repository

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

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
