"""What other processes do while a command prepares files is not forgotten; who comes second touches nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mvc
from mvc.errors import DirtyWorktree, RefConflict
from mvc.repository import Repository
from mvc.worktree import checkout

PREPARING = (
    "worktree.switching",
    "worktree.returning",
    "worktree.restoring",
    "worktree.from_memory",
    "merge.merging",
)
Act = Callable[[Repository], object]
Meanwhile = Callable[[Act], None]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """On main, one commit behind the branch other and beside the branch side."""
    monkeypatch.setattr("mvc.store.fs._full_sync", lambda descriptor: None)
    made = mvc.init(str(tmp_path), who=("Ada", "ada@example.org"))
    save(made, "a.txt", "one")
    made.branches.create("side")
    save(made, "a.txt", "two")
    made.branches.create("other")
    made.switch("side")
    save(made, "c.txt", "side")
    made.switch("main")
    save(made, "b.txt", "three")
    return made


@pytest.fixture
def meanwhile(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Another process acts once the files are prepared, before the lock is taken."""
    prepared = checkout.prepared

    def plan(act: Act) -> None:
        @contextmanager
        def then(*arguments: Any, **options: Any) -> Iterator[object]:
            with prepared(*arguments, **options) as files:
                monkeypatch.undo()
                act(mvc.open(repository.root, who=("Eve", "eve@example.org")))
                yield files

        for module in PREPARING:
            monkeypatch.setattr(f"mvc.{module}.prepared", then)

    return plan


def save(repository: Repository, name: str, text: str) -> None:
    Path(repository.root, name).write_text(text)
    repository.add([name])
    repository.commit(text)


def stage_another(other: Repository) -> None:
    Path(other.root, "d.txt").write_text("d")
    other.add(["d.txt"])


def commit_another(other: Repository) -> None:
    save(other, "d.txt", "meanwhile")


def files(repository: Repository) -> dict[str, str]:
    return {path.name: path.read_text() for path in Path(repository.root).glob("*.txt")}


def test_what_is_staged_meanwhile_stays_staged(
    repository: Repository, meanwhile: Meanwhile
) -> None:
    meanwhile(stage_another)
    repository.switch("other")
    assert [d.path for d in repository.status().staged] == ["d.txt"]


def test_a_branch_that_moves_meanwhile_stops_the_switch(
    repository: Repository, meanwhile: Meanwhile
) -> None:
    before = files(repository)
    meanwhile(lambda other: other.branches.create("other", "HEAD", force=True))
    with pytest.raises(RefConflict, match="moved"):
        repository.switch("other")
    assert (repository.branch, files(repository)) == ("main", before)
    assert repository.status().clean


def test_of_two_switches_at_once_the_second_changes_nothing(
    repository: Repository, meanwhile: Meanwhile
) -> None:
    meanwhile(lambda other: other.switch("side"))
    with pytest.raises(RefConflict, match="HEAD moved"):
        repository.switch("other")
    assert (repository.branch, files(repository)) == ("side", {"a.txt": "one", "c.txt": "side"})
    assert repository.status().clean


FORESTALLED: dict[str, Act] = {
    "switch": lambda repository: repository.switch("other"),
    "reset --hard": lambda repository: repository.reset("HEAD~1", mode="hard"),
    "reset": lambda repository: repository.reset("HEAD~1"),
    "merge": lambda repository: repository.merge("side"),
    "revert": lambda repository: repository.revert("HEAD"),
    "undo": lambda repository: repository.undo(),
    "op restore": lambda repository: repository.restore_operation("@{3}"),
}

REWRITTEN: dict[str, Act] = {
    "restore": lambda repository: repository.restore(["a.txt"], source="HEAD~2"),
    "restore --staged": lambda repository: repository.restore(
        ["a.txt"], source="HEAD~2", staged=True
    ),
    "commit_tensors": lambda repository: repository.commit_tensors(
        {"a": np.ones(3, np.float32)}, "arrays", path="m.safetensors"
    ),
}


@pytest.mark.parametrize("verb", REWRITTEN)
def test_what_is_staged_meanwhile_at_the_same_path_stops_a_command_that_has_touched_nothing(
    repository: Repository, meanwhile: Meanwhile, verb: str
) -> None:
    def stage_the_same(other: Repository) -> None:
        for name in ("a.txt", "m.safetensors"):
            Path(other.root, name).write_text("theirs")
        other.add(["."], opaque=True)
        Path(other.root, "m.safetensors").unlink()
        Path(other.root, "a.txt").write_text("two")

    before = files(repository)
    meanwhile(stage_the_same)
    with pytest.raises(RefConflict, match="nothing has changed"):
        REWRITTEN[verb](repository)
    assert files(repository) == before
    assert not Path(repository.root, "m.safetensors").exists()


@pytest.mark.parametrize("verb", REWRITTEN)
def test_what_is_staged_meanwhile_at_another_path_stays(
    repository: Repository, meanwhile: Meanwhile, verb: str
) -> None:
    meanwhile(stage_another)
    REWRITTEN[verb](repository)
    assert "d.txt" in repository.staged()


@pytest.mark.parametrize("verb", FORESTALLED)
def test_what_is_committed_meanwhile_stops_a_command_that_has_touched_nothing(
    repository: Repository, meanwhile: Meanwhile, verb: str
) -> None:
    before = files(repository)
    meanwhile(commit_another)
    with pytest.raises(RefConflict):
        FORESTALLED[verb](repository)
    assert repository.read_commit().subject == "meanwhile"
    assert files(repository) == {**before, "d.txt": "meanwhile"}
    assert repository.status().clean


def test_a_fast_forward_that_is_forestalled_has_touched_nothing(
    repository: Repository, meanwhile: Meanwhile
) -> None:
    repository.switch("back", create="new", start="HEAD~2")
    before = files(repository)
    meanwhile(commit_another)
    with pytest.raises(RefConflict):
        repository.merge("other", fast_forward="only")
    assert files(repository) == {**before, "d.txt": "meanwhile"}
    assert repository.status().clean


def test_what_is_edited_meanwhile_stops_a_switch_that_has_moved_nothing(
    repository: Repository, meanwhile: Meanwhile
) -> None:
    meanwhile(lambda other: Path(other.root, "b.txt").write_text("edited"))
    with pytest.raises(DirtyWorktree):
        repository.switch("other")
    assert repository.branch == "main"
    assert files(repository) == {"a.txt": "two", "b.txt": "edited"}


def test_a_command_that_was_forestalled_leaves_no_file_behind(
    repository: Repository, meanwhile: Meanwhile
) -> None:
    meanwhile(commit_another)
    with pytest.raises(RefConflict):
        repository.switch("side")
    assert not list(Path(repository.folder, "tmp").iterdir())
