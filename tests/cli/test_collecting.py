"""``mvc gc`` on the command line: what it says, and its flags."""

from __future__ import annotations

import json
import re

import pytest
from cli.terminal import Terminal


def storied(terminal: Terminal) -> None:
    for number in range(3):
        terminal.commit(f"try {number}", m={"a": [float(number)] * 40, "b": [1.0, 2.0]})
    terminal("reset", "--hard", "HEAD~2")


def test_it_says_what_it_packed_forgot_removed_and_freed(terminal: Terminal) -> None:
    storied(terminal)
    assert re.fullmatch(r"packed \d+ Git objects, .* → .*\n", terminal("gc"))
    said = terminal("gc", "-n", "--expire=now", "--prune=now")
    done = terminal("gc", "--expire=now", "--prune=now")
    assert said.replace("would ", "") == done.replace("forgot", "forget").replace(
        "removed", "remove"
    ).replace("freed", "free").replace("copied", "copy").replace("packed", "pack")
    assert "undo and reflogs no longer reach behind them" in done
    assert re.search(r"removed 2 objects and \d+ Git objects that nothing reaches\nfreed ", done)
    assert terminal("gc", "--expire=now", "--prune=now") == "nothing to collect\n"


def test_what_stays_for_the_grace_period_is_said(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    storied(terminal)
    said = terminal("gc", "--expire=now")
    assert re.search(r"kept 2 objects and \d+ Git objects that nothing reaches: they are too", said)
    monkeypatch.setattr("mvc.store.compaction.FEW", 1)
    said = terminal("gc", "-n")
    assert re.search(r"keep .* of old packs until \d{4}-\d\d-\d\d: the grace period", said)
    said = terminal("gc", "-n", "--no-prune")
    assert re.search(r"keep .* of old packs: the grace period", said)


def test_quiet_says_nothing_and_json_everything(terminal: Terminal) -> None:
    storied(terminal)
    found = json.loads(terminal("gc", "-n", "--json", "--prune=now", "--expire=now"))
    assert found["schema"] == "mvc.gc/1" and found["dry_run"] and found["objects"] == 2
    assert found["until"] is None
    assert terminal("gc", "-q") == ""
    assert terminal("-q", "gc") == ""


def test_a_date_that_is_none_is_refused(terminal: Terminal) -> None:
    storied(terminal)
    result = terminal.run("gc", "--prune=soon")
    assert result.code == 2 and "not a date: 'soon'" in result.err and "2.weeks.ago" in result.err
