"""A repository with a small history of text files: history needs no tensors."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import mvc

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from history.place import Place


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr("mvc.store.fs._full_sync", lambda descriptor: None)
    return Place(mvc.init(str(tmp_path), who=("Ada", "ada@example.org")), tmp_path)


@pytest.fixture
def history(place: Place) -> Place:
    """base – left – merge on main, and right merged into it; tagged both ways."""
    place.commit("base")
    place.repository.branches.create("right")
    place.commit("left")
    place.repository.switch("right")
    (place.root / "other.txt").write_text("right")
    place.repository.add(["other.txt"])
    place.repository.commit("right")
    place.repository.switch("main")
    place.repository.tags.create("light")
    place.repository.merge("right")
    place.repository.tags.create("heavy", message="a tag with a message")
    return place
