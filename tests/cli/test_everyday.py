"""Init, add, status, commit, log, show, ls: the everyday round."""

from __future__ import annotations

import json
import subprocess

from cli.terminal import Terminal, safetensors, values


def test_init_in_a_code_repository_hides_mvc_from_git(bare_terminal: Terminal) -> None:
    subprocess.run(["git", "init", "-q"], check=True)
    bare_terminal.write("train.py", "print()\n")
    assert "Initialized empty mvc repository" in bare_terminal("init")
    status = subprocess.run(
        ["git", "status", "--porcelain"], capture_output=True, text=True, check=True
    )
    assert status.stdout == "?? train.py\n"


def test_init_again_keeps_everything(terminal: Terminal) -> None:
    head = terminal.commit("one", m={"a": [1.0]})
    assert "Reinitialized existing" in terminal("init")
    assert terminal.head() == head


def test_add_dot_inside_a_code_repository_takes_models_not_code(bare_terminal: Terminal) -> None:
    subprocess.run(["git", "init", "-q"], check=True)
    bare_terminal("init")
    bare_terminal.write("train.py", "print()\n")
    bare_terminal.write("model/config.json", "{}\n")
    bare_terminal.write("model/model.safetensors", safetensors({"a": [1.0]}))
    bare_terminal("add", ".")
    assert bare_terminal("ls").split() == ["model/config.json", "model/model.safetensors"]


def test_status_goes_through_untracked_staged_committed_modified(terminal: Terminal) -> None:
    terminal.write("m.safetensors", safetensors({"a": [1.0]}))
    assert "Untracked files:" in terminal("status")
    terminal("add", "m.safetensors")
    assert "new file:   m.safetensors" in terminal("status")
    terminal("commit", "-m", "one")
    assert terminal("status") == "On branch main\nnothing to commit, working tree clean\n"
    terminal.write("m.safetensors", safetensors({"a": [2.0]}))
    assert "modified:   m.safetensors" in terminal("status")
    assert terminal("status", "--short") == " M m.safetensors\n"


def test_status_json_names_each_change(terminal: Terminal) -> None:
    terminal.commit("one", m={"a": [1.0]}, n={"b": [1.0]})
    terminal.write("m.safetensors", safetensors({"a": [2.0]}))
    terminal("add", "m.safetensors")
    terminal("rm", "--cached", "n.safetensors")
    found = json.loads(terminal("status", "--json"))
    assert found["staged"] == [
        {"kind": "modified", "path": "m.safetensors", "old_path": None},
        {"kind": "deleted", "path": "n.safetensors", "old_path": None},
    ]
    assert found["untracked"] == ["n.safetensors"]


def test_commit_without_an_identity_says_what_to_set(bare_terminal: Terminal) -> None:
    bare_terminal("init")
    bare_terminal.write("a.txt", "a\n")
    bare_terminal("add", "a.txt")
    result = bare_terminal.run("commit", "-m", "one")
    assert result.code == 2
    assert "user.name" in result.err and "user.email" in result.err


def test_the_identity_comes_from_the_environment_then_from_gits_configuration(
    bare_terminal: Terminal, tmp_path_factory: object
) -> None:
    bare_terminal("init")
    bare_terminal("config", "user.name", "Grace")
    bare_terminal("config", "user.email", "grace@example.org")
    bare_terminal.write("a.txt", "a\n")
    bare_terminal("add", "a.txt")
    bare_terminal("commit", "-m", "one")
    assert "Author: Grace <grace@example.org>" in bare_terminal("log")


def test_commit_all_takes_changed_and_removed_files_but_not_new_ones(terminal: Terminal) -> None:
    terminal.commit("one", m={"a": [1.0]}, n={"b": [1.0]})
    terminal.write("m.safetensors", safetensors({"a": [2.0]}))
    (terminal.root / "n.safetensors").unlink()
    terminal.write("new.safetensors", safetensors({"c": [1.0]}))
    terminal("commit", "-a", "-m", "two")
    assert terminal("ls", "HEAD").split() == ["m.safetensors"]


def test_commit_with_nothing_staged_is_refused_unless_allowed(terminal: Terminal) -> None:
    first = terminal.commit("one", m={"a": [1.0]})
    assert terminal.run("commit", "-m", "two").code == 1
    assert terminal.head() == first
    terminal("commit", "--allow-empty", "-m", "two")
    assert terminal.head() != first


def test_amend_replaces_the_last_commit_and_keeps_its_parents(terminal: Terminal) -> None:
    first = terminal.commit("one", m={"a": [1.0]})
    terminal.commit("two", m={"a": [2.0]})
    terminal("commit", "--amend", "-m", "two, better")
    log = json.loads(terminal("log", "--json"))["commits"]
    assert [entry["message"].split("\n")[0] for entry in log] == ["two, better", "one"]
    assert log[0]["parents"] == [first]


def test_log_limits_by_number_path_and_range(terminal: Terminal) -> None:
    first = terminal.commit("one", m={"a": [1.0]})
    terminal.commit("two", n={"b": [1.0]})
    terminal.commit("three", m={"a": [3.0]})

    def subjects(*words: str) -> list[str]:
        return [line.split(" ", 1)[1] for line in terminal("log", "--oneline", *words).splitlines()]

    assert [s.split(") ")[-1] for s in subjects("-1")] == ["three"]
    assert [s.split(") ")[-1] for s in subjects("--", "m.safetensors")] == ["three", "one"]
    assert [s.split(") ")[-1] for s in subjects(f"{first}..HEAD")] == ["three", "two"]
    assert [s.split(") ")[-1] for s in subjects("--reverse")] == ["one", "two", "three"]


def test_log_stat_counts_the_tensors_that_changed(terminal: Terminal) -> None:
    terminal.commit("one", m={"a": [1.0], "b": [1.0], "c": [1.0]})
    terminal.commit("two", m={"a": [1.0], "b": [2.0], "c": [1.0]})
    assert " m.safetensors | 1 of 3 tensors changed" in terminal("log", "--stat", "-1")


def test_show_prints_the_commit_and_its_numbers(terminal: Terminal) -> None:
    terminal.commit("one", m={"a": [3.0, 4.0]})
    terminal.commit("two", m={"a": [3.0, 5.0]})
    shown = terminal("show")
    assert "    two\n" in shown and "Tensor-Merkle-Root" not in shown
    row = next(line.split() for line in shown.splitlines() if line.split()[:2] == ["a", "F32"])
    assert row == ["a", "F32", "2", "50.0%", "0.2", "0.994692", "1", "2.1e+06"]


def test_show_of_a_path_gives_the_files_bytes(terminal: Terminal) -> None:
    terminal.commit("one", m={"a": [1.0]})
    terminal.write("notes.txt", "hello\n")
    terminal("add", "notes.txt")
    terminal("commit", "-m", "notes")
    assert terminal("show", "HEAD:notes.txt") == "hello\n"


def test_ls_lists_files_tensors_and_both_as_json(terminal: Terminal) -> None:
    terminal.commit("one", m={"a": [1.0], "b": [1.0, 2.0]})
    assert terminal("ls") == "m.safetensors\n"
    tensors = [line.split()[:3] for line in terminal("ls", "--tensors").splitlines()[1:]]
    assert tensors == [["a", "F32", "1"], ["b", "F32", "2"]]
    (entry,) = json.loads(terminal("ls", "--json"))["files"]
    assert [tensor["shape"] for tensor in entry["tensors"]] == [[1], [2]]


def test_rm_removes_the_file_and_mv_renames_it(terminal: Terminal) -> None:
    terminal.commit("one", m={"a": [1.0]}, n={"b": [1.0]})
    terminal("mv", "m.safetensors", "renamed.safetensors")
    terminal("rm", "n.safetensors")
    assert "renamed:    m.safetensors -> renamed.safetensors" in terminal("status")
    assert sorted(p.name for p in terminal.root.glob("*.safetensors")) == ["renamed.safetensors"]


def test_rm_refuses_to_lose_changes(terminal: Terminal) -> None:
    terminal.commit("one", m={"a": [1.0]})
    changed = terminal.write("m.safetensors", safetensors({"a": [9.0]}))
    result = terminal.run("rm", "m.safetensors")
    assert result.code == 5 and values(changed) == {"a": (9.0,)}


def test_config_goes_on_after_a_last_line_without_its_end(terminal: Terminal) -> None:
    terminal("config", "user.name", "Ada")
    config = terminal.root / ".mvc" / "config"
    config.write_bytes(config.read_bytes().rstrip(b"\n"))
    terminal("config", "user.email", "ada@example.org")
    assert terminal("config", "user.name") == "Ada\n"
    assert terminal("config", "user.email") == "ada@example.org\n"


def test_config_sets_reads_lists_and_unsets(terminal: Terminal) -> None:
    terminal("config", "core.editor", 'vim -c "set tw=72"')
    assert terminal("config", "core.editor") == 'vim -c "set tw=72"\n'
    read_by_git = subprocess.run(
        ["git", "config", "-f", ".mvc/config", "core.editor"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert read_by_git.stdout == 'vim -c "set tw=72"\n'
    terminal("config", "--unset", "core.editor")
    assert terminal.run("config", "core.editor").code == 1
    assert "gc.auto=0" in terminal("config", "--list")


def test_adding_the_whole_folder_is_logged_as_typed(terminal: Terminal) -> None:
    terminal.write("notes.md", "one\n")
    terminal("add", ".")
    assert terminal("op", "log", "--oneline").splitlines()[0].endswith("@{0}: add: .")
