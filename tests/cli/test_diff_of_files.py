"""``mvc diff`` of files and folders that no repository tracks."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from cli.terminal import Terminal, safetensors

OLD = {"a": [1.0, 2.0, 3.0], "b": [1.0], "gone": [5.0]}
NEW = {"a": [1.0, 2.0, 4.0], "b": [1.0], "come": [6.0, 7.0]}


@pytest.fixture
def two(bare_terminal: Terminal) -> Terminal:
    bare_terminal.write("old.safetensors", safetensors(OLD, epoch="1"))
    bare_terminal.write("new.safetensors", safetensors(NEW, epoch="2"))
    return bare_terminal


def sharded(terminal: Terminal, folder: str, *shards: dict[str, list[float]]) -> None:
    weight_map = {}
    for number, shard in enumerate(shards):
        name = f"model-{number}-of-{len(shards)}.safetensors"
        terminal.write(f"{folder}/{name}", safetensors(shard))
        weight_map |= dict.fromkeys(shard, name)
    index = json.dumps({"metadata": {}, "weight_map": weight_map})
    terminal.write(f"{folder}/model.safetensors.index.json", index)


def test_two_files_need_no_repository(two: Terminal) -> None:
    said = two("diff", "old.safetensors", "new.safetensors")
    assert said.startswith("diff --git a/old.safetensors b/new.safetensors\n")
    assert "3 of 4 tensors changed" in said
    assert "33.3%" in said
    assert "- __metadata__ epoch: 1" in said
    assert not (two.root / ".mvc").exists()


def test_the_exit_code_is_that_of_every_diff(two: Terminal) -> None:
    pair = ("old.safetensors", "new.safetensors")
    assert two.run("diff", *pair).code == 0
    assert two.run("diff", "--exit-code", *pair).code == 1
    assert two.run("diff", "--quiet", *pair).code == 1
    assert two.run("diff", "--quiet", pair[0], pair[0]).code == 0
    assert two("diff", pair[0], pair[0]) == ""


def test_every_form_works(two: Terminal) -> None:
    pair = ("old.safetensors", "new.safetensors")
    assert two("diff", "--stat", *pair).splitlines() == [
        " new.safetensors | 3 of 4 tensors changed",
        " 1 file changed, 3 of 4 tensors",
    ]
    assert two("diff", "--name-only", *pair) == "new.safetensors\n"
    assert two("diff", "--name-status", *pair) == "M\told.safetensors\n"
    assert "gone" not in two("diff", "-t", "come", *pair)
    document = json.loads(two("diff", "--json", *pair))
    (file,) = document["files"]
    assert (file["old"]["path"], file["new"]["path"]) == pair
    assert file["model"] == document["models"][0]["name"] == "new.safetensors"
    assert document["models"][0]["files"] == sorted(pair)
    assert document["models"][0]["tensors"][0]["old"]["path"] == "old.safetensors"


def test_text_has_a_patch_between_the_two_names(bare_terminal: Terminal) -> None:
    bare_terminal.write("a.json", '{"x": 1}\n')
    bare_terminal.write("b.json", '{"x": 2}\n')
    assert bare_terminal("diff", "a.json", "b.json").splitlines() == [
        "diff --git a/a.json b/b.json",
        "--- a/a.json",
        "+++ b/b.json",
        "@@ -1 +1 @@",
        '-{"x": 1}',
        '+{"x": 2}',
    ]


def test_folders_are_compared_path_by_path(bare_terminal: Terminal) -> None:
    for folder, tensors in (("one", OLD), ("two", NEW)):
        bare_terminal.write(f"{folder}/model.safetensors", safetensors(tensors))
        bare_terminal.write(f"{folder}/same.txt", "same\n")
    bare_terminal.write("two/sub/new.txt", "new\n")
    bare_terminal.write("two/.git/HEAD", "not looked at\n")
    assert bare_terminal("diff", "--name-status", "one", "two").splitlines() == [
        "M\tone/model.safetensors",
        "A\ttwo/sub/new.txt",
    ]


def test_names_are_those_of_every_file_as_git_gives_them(
    bare_terminal: Terminal,
) -> None:
    """Renames, modes and all, without hashing: by comparing sizes and bytes."""
    files = {"kept": "same\n", "changed": "old\n", "gone": "gone\n", "a/from": "moved\n" * 9}
    for name, text in files.items():
        bare_terminal.write(f"one/{name}", text)
    files = {"kept": "same\n", "changed": "new\n", "come": "come\n!", "b/to": "moved\n" * 9}
    for name, text in files.items():
        bare_terminal.write(f"two/{name}", text)
    words = ["diff", "--no-index", "--name-status", "-M100%", "one", "two"]
    git = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
    printed = bare_terminal("diff", "--name-status", "one", "two")
    assert sorted(printed.splitlines()) == sorted(git.stdout.splitlines())
    listed = bare_terminal("diff", "--name-only", "one", "two").splitlines()
    assert set(listed) == {"two/b/to", "two/changed", "two/come", "one/gone"}
    assert bare_terminal.run("diff", "--quiet", "one", "two").code == 1


def test_cutting_into_shards_changes_no_tensor(bare_terminal: Terminal) -> None:
    tensors = {f"t{n}": [float(n)] for n in range(8)}
    halves = [{n: v for n, v in tensors.items() if (n < "t4") == first} for first in (True, False)]
    bare_terminal.write("one/pytorch.safetensors", safetensors(tensors))
    sharded(bare_terminal, "two", *halves)
    said = bare_terminal("diff", "one", "two")
    assert "no tensor changed" in said
    assert "8 tensors moved to another shard, unchanged" in said
    (model,) = json.loads(bare_terminal("diff", "--json", "one", "two"))["models"]
    assert {tensor["status"] for tensor in model["tensors"]} == {"moved"}


def test_a_file_is_compared_with_the_model_of_a_folder(bare_terminal: Terminal) -> None:
    sharded(bare_terminal, "cut", {"a": [1.0, 2.0]}, {"b": [3.0]})
    bare_terminal.write("whole.safetensors", safetensors({"a": [1.0, 2.5], "b": [3.0]}))
    for pair in (("cut", "whole.safetensors"), ("whole.safetensors", "cut")):
        (model,) = json.loads(bare_terminal("diff", "--json", *pair))["models"]
        assert {t["name"]: t["status"] for t in model["tensors"]} == {"a": "changed", "b": "moved"}


def test_a_file_is_compared_with_its_namesake_in_a_folder(two: Terminal) -> None:
    two.write("folder/old.safetensors", safetensors(NEW))
    two.write("folder/other.safetensors", safetensors(NEW))
    assert "a/old.safetensors b/folder/old.safetensors" in two("diff", "old.safetensors", "folder")
    refused = two.run("diff", "new.safetensors", "folder")
    assert refused.code == 2
    assert "there are 2 models" in refused.err


def test_links_are_followed_as_a_cache_of_models_needs(two: Terminal) -> None:
    (two.root / "snapshot").mkdir()
    os.symlink("../new.safetensors", two.root / "snapshot" / "old.safetensors")
    os.symlink("new.safetensors", two.root / "link.safetensors")
    two.write("plain/old.safetensors", safetensors(OLD))
    assert "3 of 4 tensors" in two("diff", "--stat", "plain", "snapshot")
    assert "3 of 4 tensors" in two("diff", "--stat", "old.safetensors", "link.safetensors")


def test_inside_a_repository_two_tracked_files_are_paths(terminal: Terminal) -> None:
    terminal.commit("one", old=OLD, new=NEW)
    pair = ("old.safetensors", "new.safetensors")
    assert terminal("diff", *pair) == ""
    assert "3 of 4 tensors" in terminal("diff", "--no-index", "--stat", *pair)


def test_a_file_outside_the_work_tree_makes_it_a_diff_of_files(
    terminal: Terminal, tmp_path: Path
) -> None:
    terminal.commit("one", old=OLD)
    (tmp_path / "new.safetensors").write_bytes(safetensors(NEW))
    said = terminal("diff", "--stat", "old.safetensors", str(tmp_path / "new.safetensors"))
    assert "3 of 4 tensors" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--no-index", "old.safetensors"], "takes two files or folders"),
        (["--no-index", "old.safetensors", "absent"], "could not access 'absent'"),
        (["--no-index", "--staged", "old.safetensors", "new.safetensors"], "nothing of a repo"),
    ],
)
def test_what_cannot_be_compared_is_said(two: Terminal, words: list[str], said: str) -> None:
    result = two.run("diff", *words)
    assert result.code == 2
    assert said in result.err


def test_without_files_a_repository_is_needed(two: Terminal) -> None:
    for words in (["old.safetensors"], ["absent", "gone"], ["--staged", "old.safetensors"], []):
        assert two.run("diff", *words).code == 3
    result = two.run("diff", "old.safetensors", "absent")
    assert result.code == 2
    assert "could not access 'absent'" in result.err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_is_refused_and_not_waited_for(two: Terminal) -> None:
    os.mkfifo(two.root / "pipe")
    for words in ([], ["--name-only"], ["--html"]):
        result = two.run("diff", *words, "old.safetensors", "pipe")
        assert result.code == 2
        assert "neither a file nor a folder" in result.err


def test_a_named_file_that_is_refused_is_an_error_and_one_in_a_folder_is_bytes(
    two: Terminal,
) -> None:
    cut = (two.root / "new.safetensors").read_bytes()[:-2]
    two.write("cut.safetensors", cut)
    result = two.run("diff", "old.safetensors", "cut.safetensors")
    assert result.code == 20
    assert "add --opaque" not in result.err
    two.write("one/m.safetensors", cut)
    two.write("two/m.safetensors", cut + b"!")
    assert "Binary files" in two("diff", "one", "two")


def test_control_characters_in_a_path_do_not_reach_the_terminal(bare_terminal: Terminal) -> None:
    bare_terminal.write("one/x\x1b[31m", "1\n")
    bare_terminal.write("two/x\x1b[31m", "2\n")
    said = bare_terminal("diff", "one", "two")
    assert "\x1b" not in said
    assert '"a/one/x\\033[31m"' in said
