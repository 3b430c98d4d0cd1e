"""Small promises of the command line: what it guesses, and where its words are Git's."""

from __future__ import annotations

import os
import sys

import pytest
from cli.terminal import Terminal, safetensors

MODEL = "m.safetensors"


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["log", "--onelin"], "--oneline"),
        (["status", "--jsn"], "--json"),
        (["log", "heda"], "'HEAD'"),
        (["log", "featur"], "'feature'"),
        (["switch", "Feature"], "'feature'"),
        (["brnch"], "branch"),
        (["cat", "m.safetensor"], "'m.safetensors'"),
    ],
)
def test_what_was_mistyped_is_guessed(terminal: Terminal, words: list[str], meant: str) -> None:
    terminal.commit("one", m={"a": [1.0]})
    terminal("branch", "feature")
    assert f"did you mean {meant}" in terminal.run(*words).err


def test_nothing_to_commit_exits_with_1_as_in_git(terminal: Terminal) -> None:
    terminal.commit("one", m={"a": [1.0]})
    said = terminal.run("commit", "-m", "two")
    assert said.code == 1 and "mvc add FILE" in said.err


def test_branch_M_renames_onto_another(terminal: Terminal) -> None:
    terminal.commit("one", m={"a": [1.0]})
    terminal("branch", "old")
    terminal("branch", "taken")
    assert terminal.run("branch", "-m", "old", "taken").code == 2
    terminal("branch", "-M", "old", "taken")
    assert terminal("branch") == "* main\n  taken\n"


def test_switch_detach_alone_stays_where_it_is(terminal: Terminal) -> None:
    head = terminal.commit("one", m={"a": [1.0]})
    terminal("switch", "--detach")
    assert terminal.head() == head and terminal("branch", "--show-current") == ""


def test_t_is_a_glob_of_tensors_wherever_it_is_an_option(terminal: Terminal) -> None:
    terminal.commit("one", m={"a.w": [1.0], "b.w": [1.0]})
    assert "b.w" not in terminal("ls", "-t", "a.*")
    assert "b.w" in terminal("ls", "--tensors")


def test_diff_names_what_is_undecided(terminal: Terminal) -> None:
    terminal.commit("base", m={"a": [1.0]})
    terminal("switch", "-c", "other")
    terminal.commit("theirs", m={"a": [2.0]})
    terminal("switch", "main")
    terminal.commit("ours", m={"a": [3.0]})
    terminal.run("merge", "other")
    assert terminal("diff").startswith(f"* Unmerged path {MODEL}\n")
    assert "Unmerged" not in terminal("diff", "HEAD", "other")
    terminal("checkout", "--ours", MODEL)
    assert "Unmerged" not in terminal("diff")


def test_diff_lists_the_metadata_that_changed(terminal: Terminal) -> None:
    for metadata in ({"format": "pt", "gone": "x"}, {"format": "np", "step": "7"}):
        terminal.write(MODEL, safetensors({"a": [1.0]}, **metadata))
        terminal("add", MODEL)
        terminal("commit", "-m", "next")
    assert terminal("show").splitlines()[-5:] == [
        "m.safetensors: no tensor changed, only what is around them",
        "  - __metadata__ format: pt",
        "  + __metadata__ format: np",
        "  - __metadata__ gone: x",
        "  + __metadata__ step: 7",
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="needs an execute bit")
def test_a_change_of_mode_alone_is_called_one(terminal: Terminal) -> None:
    terminal.commit("one", m={"a": [1.0]})
    os.chmod(terminal.root / MODEL, 0o755)
    stat = terminal("diff", "--stat").splitlines()
    assert stat == [f" {MODEL} | mode 100644 → 100755", " 1 file changed, 0 of 1 tensors"]


def test_stat_names_a_rename(terminal: Terminal) -> None:
    terminal.commit("one", m={"a": [1.0]})
    terminal("mv", MODEL, "n.safetensors")
    assert f"| renamed from {MODEL}" in terminal("diff", "--staged", "--stat")


def test_diff_quiet_says_it_with_the_exit_code(terminal: Terminal) -> None:
    terminal.commit("one", m={"a": [1.0]})
    assert terminal.run("diff", "--quiet") == terminal.run("diff")
    terminal.write(MODEL, safetensors({"a": [2.0]}))
    said = terminal.run("diff", "--quiet")
    assert (said.code, said.out) == (1, "")
