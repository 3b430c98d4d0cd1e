"""The tree under test: the repository's root and its Python modules."""

from __future__ import annotations

from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    return _ROOT


@pytest.fixture(scope="session")
def modules(root: Path) -> list[Path]:
    """Every module of the three import packages."""
    return sorted(
        path for package in ("mvc", "compress", "hooks") for path in (root / package).rglob("*.py")
    )
