"""Make the twin importable as ``faults`` and say how many crash states were checked."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from faults.harness import CHECKED

from mvc.store import codecs

# Their scratch memory has the size of a frame as it is when they are loaded; some tests make frames smaller.
for number in codecs._MODULES:
    codecs.codec(number)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if CHECKED:
        terminalreporter.section("crash states")
        for name, count in sorted(CHECKED.items()):
            terminalreporter.write_line(f"{count:7}  {name}")
        terminalreporter.write_line(f"crash states checked: {sum(CHECKED.values())}")
