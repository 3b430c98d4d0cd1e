"""Make the layer's shared test module importable as ``worktree.work``; one repository for a test."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from worktree.work import Work, scratch


@pytest.fixture
def work() -> Iterator[Work]:
    with scratch() as made:
        yield made
