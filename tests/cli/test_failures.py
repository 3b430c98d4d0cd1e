"""No exception leaves the command line as a traceback, and no full or closed stream makes one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli.terminal import Terminal

from mvc.cli.main import run
from mvc.repository import Repository


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """``line`` in bash, where ``$mvc`` is the command."""
    command = f"{sys.executable} -m mvc"
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line.replace("$mvc", command)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **environment},
    )


@pytest.mark.parametrize("words", [["commit", "-m"], ["tag"], ["branch"], ["config", "user.name"]])
def test_words_that_are_not_utf8_are_refused(terminal: Terminal, words: list[str]) -> None:
    terminal.write("a.txt", "1\n")
    terminal("add", ".")
    if words[0] != "commit":
        terminal("commit", "-m", "one")
    result = terminal.run(*words, "bad \udcff" if words[0] in ("commit", "config") else "b\udcff")
    assert result.code == 2
    assert "bug" not in result.err and "error: " in result.err


def test_a_bug_is_called_one_and_shows_no_traceback(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Repository) -> None:
        raise KeyError("a thing that should be there")

    monkeypatch.setattr(Repository, "status", broken)
    result = terminal.run("status", "-s")
    assert result.code == 1
    assert "a bug in mvc: KeyError" in result.err and "Traceback" not in result.err


def test_a_message_can_not_steer_the_terminal(terminal: Terminal) -> None:
    result = terminal.run("switch", "\x1b[31mred")
    assert "\x1b" not in result.err and "\\x1b[31mred" in result.err


@pytest.mark.parametrize("verb", ["status", "log", "--help"])
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux's /dev/full")
def test_output_that_can_not_be_written_is_an_error(terminal: Terminal, verb: str) -> None:
    terminal.commit("one", m={"a": [1.0]})
    done = shell(f"$mvc {verb} >/dev/full")
    assert (done.returncode, done.stderr) == (30, "error: the output: No space left on device\n")


def test_a_reader_that_goes_is_no_error_to_talk_about(terminal: Terminal) -> None:
    terminal.commit("one", m={"a": [1.0]})
    assert shell("$mvc status | true; $mvc log | true; $mvc ls >&-").stderr == ""


def test_a_current_folder_that_is_gone_is_said(bare_terminal: Terminal) -> None:
    done = shell("mkdir gone; cd gone; rmdir ../gone; $mvc status")
    assert done.returncode == 1
    assert done.stderr.startswith("error: the current folder does not exist any more\nhint: ")


def test_an_interrupt_while_modules_are_imported_shows_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(arguments: list[str]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mvc.cli.main._run", interrupted)
    with pytest.raises(SystemExit) as ended:
        run()
    assert ended.value.code == 130
    assert capsys.readouterr().err == "\ninterrupted\n"


def test_repair_tells_programs_what_it_did(terminal: Terminal) -> None:
    terminal.commit("one", m={"a": [1.0] * 40})
    for index in (terminal.root / ".mvc" / "store" / "index").iterdir():
        index.write_bytes(b"ruin")
    told = json.loads(terminal("repair", "--json"))
    assert (told["schema"], told["dry_run"]) == ("mvc.repair/1", False)
    assert told["steps"] and not any(step["lost"] for step in told["steps"])
    assert json.loads(terminal("repair", "--json"))["steps"] == []
    for pack in (terminal.root / ".mvc" / "store" / "packs").iterdir():
        pack.unlink()
    (terminal.root / "m.safetensors").unlink()
    lost = terminal.run("repair", "--json")
    assert (lost.code, any(step["lost"] for step in json.loads(lost.out)["steps"])) == (90, True)
