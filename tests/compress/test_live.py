"""The live view fits its terminal, says what is to stay, and leaves nothing else behind."""

from __future__ import annotations

import io
from typing import Any

import pytest

from compress.cli.live import live


def shown(width: int, monkeypatch: pytest.MonkeyPatch, **how: Any) -> str:
    """All that a run writes to a terminal of so many columns."""
    from rich.console import Console

    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=width, height=24, **how)
    with live(console) as hear:
        hear("note", text="'x' is not described: [bold]generic[/] rules")
        for block in range(30):
            hear("evaluate", block=block, of=30)
        hear("measured", of="parent", perplexity=12.3456, loss=2.5)
        for block in range(30):
            hear("layer", block=block, of=30, loss=1234.5, warnings=[f"m.{block}.w: odd"])
        hear("progress", what="training", done=0, of=9, loss=3.25)
        hear("measured", of="result", perplexity=None)
    return stream.getvalue()


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_what_stays_is_said_once_and_as_it_is(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    text = " ".join(shown(width, monkeypatch).split())
    assert "[bold]generic[/]" in text.replace(" ", "") or width == 20
    assert text.count("odd") == 1
    assert "before: perplexity 12.346" in text or width == 20
    assert "after: perplexity no number" in text or width == 20


def test_the_bar_is_left_out_where_it_has_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "━" in shown(80, monkeypatch) and "━" not in shown(40, monkeypatch)


def test_without_colours_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in shown(80, monkeypatch)
