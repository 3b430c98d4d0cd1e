"""Make the layer's shared test modules importable as ``merge``."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from merge.world import World

from mvc.store import fs


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Durability is shown elsewhere (tests/faults); here are hundreds of small repositories."""
    monkeypatch.setattr(fs, "_full_sync", lambda descriptor: None)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)
