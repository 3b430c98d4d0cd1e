"""Make the layer's shared test modules importable as ``merge``."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from merge.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)
