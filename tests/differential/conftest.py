"""Make the worlds importable as ``differential``, spare the disk, and say how much was compared."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from differential.histories import TALLY


@pytest.fixture(scope="session", autouse=True)
def _not_synced() -> Iterator[None]:
    # What survives a power cut is tests/faults' affair; waiting for the disk would be most of the time.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mvc.store.fs._full_sync", lambda descriptor: None)
        yield


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if TALLY.histories:
        terminalreporter.write_line(f"against Git: {TALLY}")
