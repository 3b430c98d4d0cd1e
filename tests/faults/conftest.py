"""Make the twin importable as ``faults`` and say how many crash states were checked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from faults.harness import CHECKED

from mvc.store import codecs

HERE = Path(__file__).resolve().parent

# Their scratch memory has the size of a frame as it is when they are loaded; some tests make frames smaller.
for number in codecs._MODULES:
    codecs.codec(number)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All that is here is a ``faults`` test, so that ``make test-faults`` finds it."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("faults")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add up what the processes of a parallel run have checked."""
    for name, count in getattr(node, "workeroutput", {}).get("checked", {}).items():
        CHECKED[name] = CHECKED.get(name, 0) + count


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["checked"] = dict(CHECKED)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if CHECKED:
        terminalreporter.section("faults")
        for name, count in sorted(CHECKED.items()):
            terminalreporter.write_line(f"{count:7}  {name}")
        terminalreporter.write_line(f"states and faults checked: {sum(CHECKED.values())}")
