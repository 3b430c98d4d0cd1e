"""Add and mv where folders and files change places, and where two files would become one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from worktree.work import model

import mvc
from mvc.errors import UsageError
from mvc.repository import Repository


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setattr("mvc.store.fs._full_sync", lambda descriptor: None)
    made = mvc.init(str(tmp_path), who=("Ada", "ada@example.org"))
    write(made, "a/x.txt", "ax\n")
    write(made, "b/x.txt", "bx\n")
    write(made, "file", "file\n")
    made.add(everything=True)
    made.commit("one")
    return made


def write(repository: Repository, name: str, text: str) -> Path:
    path = Path(repository.root, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def git_is_content(repository: Repository) -> None:
    done = subprocess.run(
        ["git", f"--git-dir={repository.folder}", "fsck", "--strict"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done


@pytest.mark.parametrize("how", ["named", "all", "update then named"])
def test_a_folder_in_a_files_place_replaces_it_on_the_stage(
    repository: Repository, how: str
) -> None:
    Path(repository.root, "file").unlink()
    write(repository, "file/inner.txt", "inner\n")
    if how == "update then named":
        repository.add(update=True)
    repository.add([] if how == "all" else ["file"], everything=how == "all")
    assert sorted(repository.staged()) == ["a/x.txt", "b/x.txt", "file/inner.txt"]
    repository.commit("two")
    assert repository.status().clean
    git_is_content(repository)


def test_a_file_in_a_folders_place_replaces_all_below_it_on_the_stage(
    repository: Repository,
) -> None:
    Path(repository.root, "a/x.txt").unlink()
    Path(repository.root, "a").rmdir()
    write(repository, "a", "now a file\n")
    repository.add(["a"])
    assert sorted(repository.staged()) == ["a", "b/x.txt", "file"]
    repository.commit("two")
    git_is_content(repository)
    repository.switch("HEAD~1", detach=True)
    assert Path(repository.root, "a/x.txt").read_text() == "ax\n"


def test_commit_all_stages_the_removal_of_a_file_that_became_a_folder(
    repository: Repository,
) -> None:
    Path(repository.root, "file").unlink()
    write(repository, "file/inner.txt", "inner\n")
    repository.commit("gone", all=True)
    assert sorted(repository.snapshot()) == ["a/x.txt", "b/x.txt"]


def test_two_files_of_one_name_are_not_moved_onto_each_other(repository: Repository) -> None:
    Path(repository.root, "target").mkdir()
    with pytest.raises(UsageError, match="multiple sources"):
        repository.move(["a/x.txt", "b/x.txt"], "target")
    assert Path(repository.root, "a/x.txt").exists() and Path(repository.root, "b/x.txt").exists()


@pytest.mark.parametrize(
    ("sources", "target", "said"),
    [
        (["a"], "file", "over file"),
        (["a/x.txt"], "file/x.txt", "folder is a file"),
        (["a"], "a/deeper", "into itself"),
        (["file"], "file", "into itself"),
    ],
)
def test_a_move_that_can_not_be_is_refused_before_anything_moved(
    repository: Repository, sources: list[str], target: str, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        repository.move(sources, target, force=True)
    assert repository.status().clean


def test_adding_a_touched_model_that_is_the_same_does_nothing(repository: Repository) -> None:
    place = Path(repository.root, "m.safetensors")
    place.write_bytes(model(1))
    assert repository.add(["m.safetensors"]).paths == ("m.safetensors",)
    [before, *_] = repository.operations()
    os.utime(place, (1, 1))
    added = repository.add(["m.safetensors"])
    assert (added.paths, added.removed, added.report) == ((), (), None)
    assert next(repository.operations()) == before
    place.write_bytes(model(2))
    added = repository.add(["m.safetensors"])
    assert added.paths == ("m.safetensors",)
    assert added.report is not None
    assert added.report.new_objects
