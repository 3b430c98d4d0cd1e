"""What other processes do while ``switch`` writes files is not forgotten."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import mvc
from mvc.errors import RefConflict
from mvc.repository import Repository
from mvc.worktree.checkout import switch_files

Meanwhile = Callable[[Callable[[Repository], None]], None]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """On main, one commit behind the branch other."""
    monkeypatch.setattr("mvc.store.fs._full_sync", lambda descriptor: None)
    made = mvc.init(str(tmp_path), who=("Ada", "ada@example.org"))
    for text in ("one", "two"):
        Path(made.root, "a.txt").write_text(text)
        made.add(["a.txt"])
        made.commit(text)
    made.branches.create("other")
    made.reset("HEAD~1", mode="hard")
    return made


@pytest.fixture
def meanwhile(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Another process acts once the files are written, before HEAD moves."""

    def plan(act: Callable[[Repository], None]) -> None:
        def then(*arguments: object, **options: object) -> None:
            switch_files(*arguments, **options)  # type: ignore[arg-type]
            act(mvc.open(repository.root, who=("Eve", "eve@example.org")))

        monkeypatch.setattr("mvc.worktree.switching.switch_files", then)

    return plan


def test_what_is_staged_meanwhile_stays_staged(
    repository: Repository, meanwhile: Meanwhile
) -> None:
    def stage(other: Repository) -> None:
        Path(other.root, "b.txt").write_text("b")
        other.add(["b.txt"])

    meanwhile(stage)
    repository.switch("other")
    assert [d.path for d in repository.status().staged] == ["b.txt"]


def test_a_branch_that_moves_meanwhile_stops_the_switch(
    repository: Repository, meanwhile: Meanwhile
) -> None:
    def move(other: Repository) -> None:
        other.branches.create("other", "HEAD", force=True)

    meanwhile(move)
    with pytest.raises(RefConflict, match="moved"):
        repository.switch("other")
    assert repository.branch == "main"
