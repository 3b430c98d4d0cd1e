"""How words are read: ``--``, paths seen from a folder, dates, and what is said when they don't fit."""

from __future__ import annotations

import subprocess

import pytest
from cli.terminal import Terminal

from mvc.cli.identity import parse_date
from mvc.errors import UsageError


def test_after_two_dashes_every_word_is_a_path(terminal: Terminal) -> None:
    terminal.write("gone.txt", "1\n")
    terminal.commit("one")
    terminal.write("HEAD", "a file\n")
    (terminal.root / "gone.txt").unlink()
    terminal.commit("two")
    assert terminal("log", "--oneline", "--", "gone.txt").count("\n") == 2
    assert terminal("ls", "HEAD~1", "--", "gone.txt") == "gone.txt\n"
    assert "gone.txt" in terminal("diff", "--name-only", "HEAD~1", "HEAD", "--", "gone.txt")
    assert "ambiguous" in terminal.run("log", "HEAD").err
    assert terminal("log", "--oneline", "--", "HEAD").count("\n") == 1
    terminal("reset", "HEAD~1", "--", "HEAD")
    assert terminal("status", "--porcelain") == "D  HEAD\n?? HEAD\n"
    terminal("checkout", "HEAD~1", "--", "gone.txt")
    assert (terminal.root / "gone.txt").read_text() == "1\n"


def test_a_word_after_two_dashes_may_begin_with_one(terminal: Terminal) -> None:
    terminal.write("-x", "1\n")
    terminal.commit("one")
    assert terminal("log", "--oneline", "--", "-x").endswith(" one\n")
    assert "No such option" in terminal.run("log", "-x").err


def test_a_word_that_is_neither_revision_nor_path_is_called_both(terminal: Terminal) -> None:
    terminal.commit("one", m={"a": [1.0]})
    said = terminal.run("log", "nope")
    assert (said.code, "no such path" in said.err, "'--'" in said.err) == (2, True, True)


def test_status_shows_paths_as_they_are_typed_in_the_folder(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.write("top.txt", "1\n")
    terminal.write("sub/in.txt", "1\n")
    terminal("add", "top.txt")
    monkeypatch.chdir(terminal.root / "sub")
    assert terminal("status", "-s") == "A  ../top.txt\n?? ./\n"
    assert "new file:   ../top.txt" in terminal("status")
    assert terminal("status", "--porcelain") == "A  top.txt\n?? sub/\n"


def test_commit_with_nothing_staged_does_not_call_a_changed_tree_clean(terminal: Terminal) -> None:
    terminal.write("a.txt", "1\n")
    terminal.commit("one")
    terminal.write("a.txt", "2\n")
    said = terminal.run("commit", "-m", "two")
    assert said.code == 1
    assert "nothing to commit" in said.err and "clean" not in said.err and "mvc status" in said.err


@pytest.mark.parametrize(
    "date",
    ["1234567890 +9999", "99999999999999999 +0000", "1965-01-01T00:00:00Z", "0001-01-01", "1 2 3"],
)
def test_a_date_that_no_commit_can_hold_is_refused(date: str) -> None:
    with pytest.raises(UsageError, match="invalid date"):
        parse_date(date)


@pytest.mark.parametrize("date", ["0 +0000", "253402300799 -2359", "2005-04-07T22:13:13+02:00"])
def test_a_date_at_the_rim_is_one_that_git_reads(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, date: str
) -> None:
    monkeypatch.setenv("GIT_AUTHOR_DATE", date)
    terminal("commit", "--allow-empty", "-m", "one")
    done = subprocess.run(
        ["git", "--git-dir=.mvc", "fsck", "--strict"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "one" in terminal("log")


def test_never_more_tensors_changed_than_there_are(terminal: Terminal) -> None:
    terminal.commit("one", m={"a": [1.0], "gone": [1.0]})
    terminal.commit("two", m={"a": [2.0], "new": [3.0, 4.0]})
    assert "3 of 3 tensors changed" in terminal("show")
    assert "1 file changed, 3 of 3 tensors" in terminal("show", "--stat")


def test_show_reads_the_stage_without_a_revision_and_paths_from_the_folder(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.write("sub/a.txt", "committed\n")
    terminal.commit("one")
    terminal.write("sub/a.txt", "staged\n")
    terminal("add", ".")
    monkeypatch.chdir(terminal.root / "sub")
    assert terminal("show", ":sub/a.txt") == "staged\n"
    assert terminal("show", "HEAD:./a.txt") == "committed\n"
