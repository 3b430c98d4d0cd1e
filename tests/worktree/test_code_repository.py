"""Git in a code repository is told to leave alone what mvc keeps, and nothing else."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mvc.store.fs import Disk
from mvc.worktree.code_repository import hide


def git(folder: Path, *words: str, names: tuple[str, ...] = ()) -> str:
    done = subprocess.run(
        ["git", *words],
        cwd=folder,
        input="\0".join(names),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    return done.stdout


@pytest.fixture
def code(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    return tmp_path


@pytest.mark.parametrize(
    "name",
    ["m.pt", "a b.pt", "[x].pt", "#h.pt", "!n.pt", "st*r.pt", "q?.pt", "tail .pt", "dir/é.pt"],
)
def test_git_ignores_the_file_and_not_its_neighbours(code: Path, name: str) -> None:
    hide(str(code), [name], Disk())
    found = git(code, "check-ignore", "-z", "--stdin", names=(name, f"x{name}", "other.pt"))
    assert found.split("\0") == [name, ""]


def test_a_model_folder_below_the_root_is_named_from_the_root(code: Path) -> None:
    folder = code / "models" / "one"
    folder.mkdir(parents=True)
    hide(str(folder), ["m.pt"], Disk())
    assert git(code, "check-ignore", "models/one/m.pt", "m.pt").splitlines() == ["models/one/m.pt"]


def test_hiding_again_changes_nothing_and_keeps_the_users_lines(code: Path) -> None:
    exclude = code / ".git" / "info" / "exclude"
    exclude.write_text("mine")
    hide(str(code), ["m.pt", "m.pt"], Disk())
    once = exclude.read_text()
    hide(str(code), ["m.pt"], Disk())
    assert exclude.read_text() == once == "mine\n# versioned by mvc\n/m.pt\n"


def test_outside_of_a_code_repository_nothing_is_written(tmp_path: Path) -> None:
    hide(str(tmp_path), ["m.pt"], Disk())
    assert list(tmp_path.iterdir()) == []
