"""``stash``, ``clean`` and ``op`` as they are typed: Git's words where Git has them."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cli.terminal import Terminal, safetensors

#: What both are told; a pair of words is a file and what is written to it.
Script = list[str | tuple[str, str]]

_BEGUN: Script = [("a.txt", "1\n"), ("d/b.txt", "1\n"), "add .", "commit -m one"]
_DIRTY: Script = [
    ("a.txt", "2\n"),
    ("d/b.txt", "2\n"),
    "add d/b.txt",
    ("new.txt", "n\n"),
    "add new.txt",
]

SCRIPTS: dict[str, Script] = {
    "nothing": [*_BEGUN, "stash", "stash list", "stash pop", "stash drop", "stash clear"],
    "unborn": [("a.txt", "1\n"), "add .", "stash"],
    "push and pop": [*_BEGUN, *_DIRTY, "stash", "stash list", "stash pop", "stash list"],
    "pop --index": [*_BEGUN, *_DIRTY, "stash push", "stash pop --index"],
    "message": [*_BEGUN, *_DIRTY, "stash -m words", "stash list", "stash apply stash@{0}"],
    "detached": [*_BEGUN, "switch -q --detach HEAD", *_DIRTY, "stash", "stash list"],
    "untracked": [*_BEGUN, ("u.txt", "u\n"), "stash", "stash -u", "stash show -u", "stash pop"],
    "keep": [*_BEGUN, *_DIRTY, "stash -k", "status", "stash list"],
    "paths": [*_BEGUN, *_DIRTY, "stash push -- a.txt", "status", "stash pop"],
    "drop": [
        *(*_BEGUN, ("a.txt", "2\n"), "stash -m two", ("a.txt", "3\n"), "stash -m three"),
        *("stash drop stash@{1}", "stash list", "stash drop", "stash list"),
    ],
    "clear": [*_BEGUN, *_DIRTY, "stash", "stash clear", "stash list"],
    "branch": [*_BEGUN, *_DIRTY, "stash", "stash branch side", "stash list"],
    "wrong word": [*_BEGUN, *_DIRTY, "stash words"],
    "clean": [
        *_BEGUN,
        ("u.txt", ""),
        ("e/v.txt", ""),
        "clean",
        "clean -n",
        "clean -nd",
        "clean -fd",
    ],
    "clean, a path": [
        *_BEGUN,
        ("u.txt", ""),
        ("e/v.txt", ""),
        "clean -n e",
        "clean -f u.txt",
        "status",
    ],
}


def played(script: Script, root: Path, run: Callable[[list[str]], str]) -> list[str]:
    """What was said at each command."""
    said = []
    for step in script:
        if isinstance(step, tuple):
            path = root / step[0]
            path.parent.mkdir(exist_ok=True)
            path.write_text(step[1])
        else:
            said.append(f"$ {step}\n{normal(run(step.split()))}")
    return said


def normal(text: str) -> str:
    """Without what must differ: ids, the tools' names and how they begin an error, and their hints."""
    text = re.sub(r"\b[0-9a-f]{7,40}\b", "ID", text)
    text = re.sub(r"^(fatal|error): ", "", text, flags=re.MULTILINE).replace("git", "mvc")
    lines = [line for line in text.lower().splitlines() if line and not line.startswith("hint")]
    return "\n".join(line.removesuffix(".") for line in lines if not line.startswith("  (use"))


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_words_are_git_s(terminal: Terminal, tmp_path: Path, name: str) -> None:
    theirs = tmp_path / "git"
    theirs.mkdir()
    environment = {**os.environ, "LC_ALL": "C"}

    def git(words: list[str]) -> str:
        how = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.run(
            ["git", *words], cwd=theirs, env=environment, check=False, **how
        ).stdout

    def mvc(words: list[str]) -> str:
        done = terminal.run(*words)
        return done.out + done.err

    git(["init", "-q", "-b", "main"])
    expected = played(SCRIPTS[name], theirs, git)
    assert [_told(one) for one in played(SCRIPTS[name], terminal.root, mvc)] == [
        _told(one) for one in expected
    ]


def _told(said: str) -> str:
    """Where the two don't mean to say the same.

    ``commit``; a stash's full name; why clean wants -f; that a merge had nothing to do.
    """
    said = said.replace("already up to date\n", "")
    if said.startswith("$ commit"):
        return "$ commit"
    said = said.replace("refs/stash@{", "stash@{").replace(
        "neither -i, -n, nor -f", "neither -n nor -f"
    )
    return re.sub(r"^(.*\d) insertions?.*", r"\1", said, flags=re.MULTILINE)


def test_a_conflict_is_announced_and_can_be_settled(terminal: Terminal) -> None:
    terminal.commit("one", model={"a": [1.0], "b": [1.0]})
    terminal.write("model.safetensors", safetensors({"a": [2.0], "b": [1.0]}))
    terminal("stash")
    terminal.commit("two", model={"a": [3.0], "b": [1.0]})
    done = terminal.run("stash", "pop")
    assert done.code == 6
    assert "CONFLICT (tensors): Merge conflict in model.safetensors: a" in done.err
    assert "The stash entry is kept in case you need it again." in done.err
    assert "A stash was applied, with conflicts; it is kept." in terminal("status")
    terminal("checkout", "--theirs", "model.safetensors")
    assert "conflicts" not in terminal("status")
    terminal("commit", "-m", "with the stash")
    assert terminal("stash", "list").startswith("stash@{0}: WIP on main:")


def test_a_stash_is_shown_tensor_by_tensor(terminal: Terminal) -> None:
    terminal.commit("one", model={"a": [1.0], "b": [1.0]})
    terminal.write("model.safetensors", safetensors({"a": [2.0], "b": [1.0]}))
    terminal("stash")
    assert "1 of 2 tensors changed" in terminal("stash", "show")
    assert re.search(r"a +F32 +1 +100\.0%", terminal("stash", "show", "-p"))
    shown = json.loads(terminal("stash", "show", "--json"))
    assert shown["schema"] == "mvc.stash-show/1"
    assert shown["models"][0]["name"] == "model.safetensors"


def test_the_lists_have_json(terminal: Terminal) -> None:
    terminal.commit("one", model={"a": [1.0]})
    terminal.write("model.safetensors", safetensors({"a": [2.0]}))
    terminal("stash", "-m", "words")
    listed = json.loads(terminal("stash", "list", "--json"))
    assert listed["schema"] == "mvc.stash/1"
    assert [entry["message"] for entry in listed["stashes"]] == ["On main: words"]
    log = json.loads(terminal("op", "log", "--json"))
    assert log["schema"] == "mvc.op-log/1"
    newest = log["operations"][0]
    assert (newest["number"], newest["verb"], newest["worktree"]) == (0, "stash", True)
    refs = {change["ref"]: change["new"] for change in newest["changes"]}
    assert refs["refs/stash"] == listed["stashes"][0]["commit"]
    assert json.loads(terminal("op", "show", "--json"))["id"] == newest["id"]
    terminal.write("new.safetensors", safetensors({"a": [2.0]}))
    found = json.loads(terminal("clean", "-n", "--json"))
    assert found == {"schema": "mvc.clean/1", "removed": False, "paths": ["new.safetensors"]}


def test_the_operation_log_reads_from_the_newest_and_any_of_it_comes_back(
    terminal: Terminal,
) -> None:
    first = terminal.commit("one", model={"a": [1.0]})
    second = terminal.commit("two", model={"a": [2.0]})
    lines = terminal("op", "log", "--oneline").splitlines()
    assert [line.split(" ", 1)[1] for line in lines[:3]] == [
        "@{0}: commit: two",
        "@{1}: add: everything",
        "@{2}: commit (initial): one",
    ]
    whole = terminal("op", "log", "-n", "1")
    assert re.search(rf"refs/heads/main +{first[:7]} +-> +{second[:7]}", whole)
    assert terminal("op", "show", "@{2}").startswith(f"operation {lines[2][:7]}")
    done = terminal("op", "restore", "@{2}")
    assert done == f"Restored to {lines[2][:7]} commit (initial): one\n"
    assert terminal.head() == first
    assert terminal("op", "log", "--oneline").count("\n") == len(lines) + 1
    assert "op restore: " in terminal("op", "log", "-n", "1", "--oneline")
    terminal("undo")
    assert terminal.head() == second


def test_clean_is_allowed_without_force_where_the_repository_says_so(terminal: Terminal) -> None:
    terminal.write("u.txt", "u")
    assert "refusing to clean" in terminal.run("clean").err
    terminal("config", "clean.requireForce", "true")
    assert "set to true" in terminal.run("clean").err
    terminal("config", "clean.requireForce", "false")
    assert terminal("clean") == "Removing u.txt\n"
    assert not (terminal.root / "u.txt").exists()


def test_clean_speaks_of_paths_as_they_are_typed_here(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.write("here/kept.txt", "k")
    terminal("add", ".")
    terminal.write("here/u.txt", "u")
    terminal.write("there/v.txt", "v")
    monkeypatch.chdir(terminal.root / "here")
    assert terminal("clean", "-n") == "Would remove u.txt\n"
    assert terminal("clean", "-n", "../there") == "Would remove ../there/\n"
