"""The fast path of status: it says "clean" only where the full status would, and imports next to nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from worktree.work import ADA, Work, model, settle

from mvc.history.refs import UNFINISHED
from mvc.history.transaction import transaction
from mvc.worktree.quick import unchanged
from mvc.worktree.status import status


@pytest.fixture
def clean(work: Work) -> Work:
    """Three committed files, one of them in a folder, whose times are trusted."""
    for number, path in enumerate(["a.safetensors", "sub/b.safetensors", "run.sh"]):
        work.write(path, model(number), 0o755 if path == "run.sh" else 0o644)
    work.add(*work.files())
    work.commit()
    settle(work)
    return work


def test_a_clean_work_tree_is_told_from_any_folder_in_it(clean: Work) -> None:
    assert unchanged(str(clean.root)) == "On branch main"
    assert unchanged(str(clean.root / "sub")) == "On branch main"
    assert status(clean.context).clean


def modify(work: Work) -> None:
    work.write("a.safetensors", model(9))


def touch(work: Work) -> None:
    os.utime(work.root / "a.safetensors")


def chmod(work: Work) -> None:
    (work.root / "a.safetensors").chmod(0o755)


def delete(work: Work) -> None:
    (work.root / "sub/b.safetensors").unlink()


def new_file(work: Work) -> None:
    work.write("c.bin", b"")


def new_file_in_new_folder(work: Work) -> None:
    work.write("x/y/z.txt", "")


def new_link(work: Work) -> None:
    (work.root / "link").symlink_to("nowhere")


def ignore_file(work: Work) -> None:
    work.write("sub/.mvcignore", "*")
    work.add("sub/.mvcignore")
    work.commit()
    settle(work)


def stage(work: Work) -> None:
    work.write("c.bin", b"\0")
    work.add("c.bin")
    settle(work)


def unstage(work: Work) -> None:
    work.remove("a.safetensors")
    settle(work)


def detach(work: Work) -> None:
    head = work.context.refs.head()
    Path(work.context.folder, "HEAD").write_text(f"{head}\n")


def unborn(work: Work) -> None:
    Path(work.context.folder, "HEAD").write_text("ref: refs/heads/other\n")


def unfinished(work: Work) -> None:
    with transaction(work.context, "merge", ADA) as current:
        current.move(UNFINISHED, work.context.refs.head())


def interrupted(work: Work) -> None:
    Path(work.context.folder, "applied").write_text("0" * 40 + "\n")


def moved_by_git(work: Work) -> None:
    work.commit()
    other = work.context.refs.head()
    settle(work)
    work.commit()
    settle(work)
    Path(work.context.folder, "refs/heads/main").write_text(f"{other}\n")


def lose_cache(work: Work) -> None:
    Path(work.context.folder, "stat-cache").unlink()


def damage_cache(work: Work) -> None:
    place = Path(work.context.folder, "stat-cache")
    place.write_bytes(place.read_bytes().replace(b"100644", b"100755", 1))


def racy_cache(work: Work) -> None:
    os.utime(Path(work.context.folder, "stat-cache"), (1, 1))


@pytest.mark.parametrize(
    "doubt",
    [
        *(modify, touch, chmod, delete, new_file, new_file_in_new_folder, new_link, ignore_file),
        *(stage, unstage, detach, unborn, unfinished, interrupted, moved_by_git),
        *(lose_cache, damage_cache, racy_cache),
    ],
)
def test_any_doubt_is_left_to_the_full_status(clean: Work, doubt: Callable[[Work], None]) -> None:
    doubt(clean)
    assert unchanged(str(clean.root)) is None


def test_no_repository_is_left_to_the_full_status(tmp_path: Path) -> None:
    assert unchanged(str(tmp_path)) is None


def test_packed_refs_are_read(clean: Work) -> None:
    folder = clean.context.folder
    subprocess.run(["git", f"--git-dir={folder}", "pack-refs", "--all"], check=True)
    assert not Path(folder, "refs/heads/main").exists()
    assert unchanged(str(clean.root)) == "On branch main"


def test_empty_and_skipped_folders_are_nothing(clean: Work) -> None:
    (clean.root / "empty" / "inner").mkdir(parents=True)
    clean.write(".git/config", "")
    assert unchanged(str(clean.root)) == "On branch main"


def test_inside_a_code_repository_code_is_nothing(clean: Work) -> None:
    (clean.root / ".git").mkdir()
    clean.write("src/train.py", "")
    clean.write("venv/pyvenv.cfg", "")
    clean.write("venv/lib/test.npy", b"\0")
    assert unchanged(str(clean.root)) == "On branch main"
    assert status(clean.context).untracked == ()
    clean.write("src/new.pt", b"\0")
    assert unchanged(str(clean.root)) is None


def test_the_full_status_makes_the_next_one_fast_again(clean: Work) -> None:
    for doubt in (touch, lose_cache, damage_cache):
        doubt(clean)
        status(clean.fresh())
        settle(clean)
        assert unchanged(str(clean.root)) == "On branch main"


def test_a_mode_that_is_not_the_stages_is_never_fast(clean: Work) -> None:
    chmod(clean)
    status(clean.fresh())
    settle(clean)
    assert unchanged(str(clean.root)) is None


def test_it_imports_nothing_but_os_and_the_cache_text(clean: Work) -> None:
    code = (
        "import sys; before = set(sys.modules); from mvc.worktree.quick import unchanged;"
        "branch = unchanged('.'); print(branch, *sorted(set(sys.modules) - before), sep='\\n')"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=clean.root, capture_output=True, text=True, check=True)
    branch, *modules = done.stdout.split("\n")[:-1]
    assert branch == "On branch main"
    assert set(modules) <= {
        *("__future__", "zlib", "mvc", "mvc.version", "mvc.worktree"),
        *("mvc.worktree.quick", "mvc.worktree.candidates", "mvc.worktree.index_text"),
    }
