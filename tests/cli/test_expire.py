"""``mvc expire`` on the command line, and what other verbs say of commits whose weights are gone."""

from __future__ import annotations

import json
import re

import pytest
from cli.terminal import Terminal


@pytest.fixture
def line(terminal: Terminal) -> Terminal:
    for number, loss in enumerate([3.0, 0.5, 1.5, 0.9]):
        terminal.commit(f"step {number}\n\neval-loss: {loss}", m={"w": [float(number)] * 60})
    return terminal


def test_it_shows_what_would_go_and_lets_it_go(line: Terminal) -> None:
    pattern = r"[0-9a-f]{7} step 2\n[0-9a-f]{7} step 0\nwould expire the weights of 2 commits: "
    rules = ["--metric", "eval-loss", "--lowest", "1"]
    assert re.match(pattern, line("expire", *rules, "-n"))
    assert "(expired)" not in line("log")
    said = line("expire", *rules)
    assert re.search(
        r"^expired the weights of 2 commits: \d+ B that nothing else needs$", said, re.M
    )
    assert "mvc undo takes it back" in said
    log = line("log", "--oneline")
    assert [("(expired)" in one) for one in log.splitlines()] == [False, True, False, True]
    assert line("expire", *rules) == "nothing to expire\n"
    assert line("undo") == "Undid: expire: weights of 2 commits\n"
    assert "expired" not in line("log")


def test_what_is_gone_is_told_from_damage(line: Terminal) -> None:
    line("expire", "--keep-last", "1")
    assert line("expire", "--keep-last", "1", "-q") == ""
    line("gc", "--expire=now", "--prune=now")
    assert line("fsck", "--full") == "everything is there and every byte is right\n"
    result = line.run("diff", "HEAD~1", "HEAD")
    assert (
        result.code == 8 and "(step 2) were expired" in result.err and "--keep-last 1" in result.err
    )
    assert line.run("show", "HEAD:m.safetensors").code == 0
    assert "step 2" in line("show", "--stat", "HEAD~1")
    assert "m.safetensors" in line("ls", "HEAD~2")
    assert line.run("switch", "--detach", "HEAD~2").code == 8
    found = json.loads(line("log", "--json"))["commits"]
    assert [one["expired"] and one["expired"]["rule"] for one in found] == [
        None,
        *["--keep-last 1"] * 3,
    ]


def test_a_list_that_is_damaged_stands_in_nobodys_way(line: Terminal) -> None:
    line("expire", "--keep-last", "1")
    (line.root / ".mvc" / "refs" / "mvc" / "expired").write_text("nonsense\n")
    assert "step 0" in line("log") and line.run("fsck").code == 90
    assert line.run("gc").code == 90  # any doubt ends it


def test_programs_hear_what_goes(line: Terminal) -> None:
    found = json.loads(line("expire", "HEAD~1", "--json", "-n"))
    (one,) = found["commits"]
    assert (one["rule"], one["forced"]) == ("name", False) and found["bytes"] > 0
    assert found["schema"] == "mvc.expire/1" and found["dry_run"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "no commits to expire given"),
        (["HEAD"], "is the tip of the branch main"),
        (["--metric", "eval-loss"], "takes one of --lowest and --highest"),
        (["--lowest", "2"], "takes one of --lowest and --highest"),
        (["--metric", "bleu", "--highest", "2"], "no commit has the metric 'bleu'"),
        (["nowhere"], "unknown revision"),
    ],
)
def test_what_makes_no_sense_is_refused(line: Terminal, words: list[str], said: str) -> None:
    result = line.run("expire", *words)
    assert result.code == 2 and said in result.err
