from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mvc import limits
from mvc.store.codecs import PLANES, codec
from mvc.store.fs import Disk
from mvc.store.store import Store


@pytest.fixture
def root(tmp_path: Path) -> str:
    return str(tmp_path / "store")


@pytest.fixture
def store(root: str) -> Store:
    return Store.create(root, Disk())


@pytest.fixture
def reopen(root: str) -> Callable[[], Store]:
    """The same store as another process sees it."""
    return lambda: Store(root, Disk())


@pytest.fixture
def small_window(monkeypatch: pytest.MonkeyPatch) -> int:
    """Frames of 4 KiB, slots and windows of 16 KiB, so that small objects take the paths of large ones."""
    codec(PLANES)  # its scratch has the size of a true frame
    monkeypatch.setattr(limits, "FRAME", 4096)
    monkeypatch.setattr(limits, "WINDOW", 4 * 4096)
    return 4 * 4096
