"""``clean`` removes what nobody tracks, as Git does; never code, and nothing that another repository has."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from worktree.work import Work, model

import mvc
from mvc.errors import UsageError
from mvc.repository import Repository

WHO = ("Ada", "ada@example.org")


@pytest.fixture
def repository(work: Work, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    """Tracked: two files; untracked: a file, a folder, ignored files beside them, an empty folder."""
    monkeypatch.setattr("mvc.store.fs._full_sync", lambda descriptor: None)
    work.write(".mvcignore", "*.tmp\ncache/\n")
    work.write("kept/model.safetensors", model(1))
    made = mvc.open(str(work.root), who=WHO)
    made.add(["."])
    made.commit("one")
    work.write("new.txt", "new")
    work.write("kept/new.bin", "new")
    work.write("kept/x.tmp", "ignored")
    work.write("folder/deep/a.txt", "a")
    work.write("folder/b.txt", "b")
    work.write("mixed/c.txt", "c")
    work.write("mixed/d.tmp", "ignored")
    work.write("cache/e.txt", "ignored")
    (work.root / "empty/inner").mkdir(parents=True)
    yield made


def would(
    repository: Repository, *paths: str, folders: bool = False, which: str = "untracked"
) -> list[str]:
    return repository.clean(paths, folders=folders, which=which, dry_run=True)  # type: ignore[arg-type]


def files(repository: Repository) -> set[str]:
    root = Path(repository.root)
    found = (p.relative_to(root).as_posix() for p in root.rglob("*") if not p.is_dir())
    return {path for path in found if not path.startswith((".mvc/", ".git/"))}


def test_folders_of_which_nothing_is_tracked_are_spared_unless_asked_for(
    repository: Repository,
) -> None:
    assert would(repository) == ["kept/new.bin", "new.txt"]
    assert would(repository, folders=True) == [
        "empty/",
        "folder/",
        "kept/new.bin",
        "mixed/c.txt",
        "new.txt",
    ]


def test_a_folder_that_is_named_is_cleaned_and_nothing_else(repository: Repository) -> None:
    assert would(repository, "folder") == ["folder/"]
    assert would(repository, "folder/deep/a.txt") == ["folder/deep/a.txt"]
    assert would(repository, "*.bin") == ["kept/new.bin"]
    assert would(repository, "nowhere") == []


def test_ignored_files_go_only_when_asked_for(repository: Repository) -> None:
    assert would(repository, folders=True, which="all") == [
        "cache/",
        "empty/",
        "folder/",
        "kept/new.bin",
        "kept/x.tmp",
        "mixed/",
        "new.txt",
    ]
    assert would(repository, folders=True, which="ignored") == [
        "cache/",
        "kept/x.tmp",
        "mixed/d.tmp",
    ]


def test_a_dry_run_touches_nothing_and_the_real_one_just_what_it_said(
    repository: Repository,
) -> None:
    before = files(repository)
    said = would(repository, folders=True)
    assert files(repository) == before
    assert repository.clean(folders=True, which="untracked", dry_run=False) == said
    assert files(repository) == {
        *(".mvcignore", "kept/model.safetensors"),
        *("kept/x.tmp", "mixed/d.tmp", "cache/e.txt"),
    }
    assert not (Path(repository.root) / "empty").exists()
    assert repository.status().clean and would(repository, folders=True) == []


def test_it_starts_at_the_current_folder(repository: Repository) -> None:
    everything = would(repository, folders=True)
    repository.cwd = str(Path(repository.root, "kept"))
    assert would(repository) == ["kept/new.bin"]
    repository.cwd = str(Path(repository.root, "folder"))
    assert would(repository) == []
    assert would(repository, folders=True) == ["folder/b.txt", "folder/deep/"]
    assert would(repository, "..") == everything


def test_links_and_repositories_of_their_own_stay(repository: Repository) -> None:
    root = Path(repository.root)
    outside = root / "kept/model.safetensors"
    (root / "folder/link").symlink_to(outside)
    (root / "folder/linked").symlink_to(root / "kept")
    for name in (".git", ".mvc"):
        (root / f"nested{name}/{name}").mkdir(parents=True)
        (root / f"nested{name}/model.safetensors").write_bytes(model(2))
    found = would(repository, folders=True, which="all")
    assert {"folder/b.txt", "folder/deep/"} <= {*found}
    assert not [path for path in found if "link" in path or "nested" in path or path == "folder/"]
    repository.clean(folders=True, which="all", dry_run=False)
    assert outside.exists() and (root / "nested.git/model.safetensors").exists()


def test_what_waits_in_a_conflict_is_no_litter(repository: Repository) -> None:
    repository.switch("side", create="new")
    Path(repository.root, "kept/model.safetensors").write_bytes(model(2))
    repository.commit("side", all=True)
    repository.switch("main")
    repository.remove(["kept/model.safetensors"])
    repository.commit("gone")
    with pytest.raises(mvc.MvcError):
        repository.merge("side")
    assert Path(repository.root, "kept/model.safetensors").exists()
    assert "kept/model.safetensors" not in would(repository, folders=True, which="all")


def in_code(root: Path) -> Repository:
    """A code repository with a model in it that mvc tracks, and one that nobody does."""
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    for path in ("train.py", "src/lib.py", "models/README.md", "models/fixture.npy"):
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text("code\n")
    subprocess.run(["git", "-C", str(root), "add", "."], check=True)
    made = mvc.init(str(root), who=WHO)
    (root / "models/a.safetensors").write_bytes(model(1))
    made.add(["models/a.safetensors"])
    made.commit("one")
    (root / "models/b.safetensors").write_bytes(model(2))
    (root / "models/config.json").write_text("{}")
    (root / "models/notes.py").write_text("untracked code\n")
    (root / "runs/1").mkdir(parents=True)
    (root / "runs/1/last.ckpt").write_bytes(b"weights")
    (root / "build/empty").mkdir(parents=True)
    return made


def test_inside_a_code_repository_only_models_go_that_its_git_does_not_track(
    tmp_path: Path,
) -> None:
    made = in_code(tmp_path)
    everything = would(made, folders=True, which="all")
    assert everything == ["models/b.safetensors", "models/config.json", "runs/"]
    code = files(made) - {"models/b.safetensors", "models/config.json", "runs/1/last.ckpt"}
    made.clean(folders=True, which="all", dry_run=False)
    assert files(made) == code
    assert (tmp_path / "build/empty").is_dir()


def test_stashing_untracked_files_leaves_the_code_alone(tmp_path: Path) -> None:
    made = in_code(tmp_path)
    before = files(made)
    made.stash.push(untracked="all")
    gone = before - files(made)
    assert gone == {"models/b.safetensors", "models/config.json", "runs/1/last.ckpt"}
    made.stash.pop()
    assert files(made) == before


def test_when_nobody_knows_what_git_tracks_nothing_goes(tmp_path: Path) -> None:
    made = in_code(tmp_path)
    (tmp_path / ".git/index").write_bytes(b"DIRC, and then garbage")
    before = files(made)
    with pytest.raises(UsageError, match="can't tell which files Git tracks"):
        made.clean(folders=True, which="untracked", dry_run=False)
    assert files(made) == before


FLAGS = {"untracked": "", "all": "-x", "ignored": "-X"}


@pytest.mark.parametrize("seed", range(12))
def test_git_would_remove_the_same(work: Work, seed: int) -> None:
    """On random trees, under every combination of flags."""
    random_ = random.Random(seed)
    folders = ["", "a/", "a/b/", "c/", "c/d/", "e/"]
    names = [f"{folder}{name}" for folder in folders for name in ("x.txt", "y.tmp", "z")]
    there = random_.sample(names, 9)
    tracked = [name for name in there if random_.random() < 0.25]
    for name in there:
        work.write(name, name)
    (work.root / random_.choice(folders) / "hollow").mkdir(parents=True)
    rules = random_.sample(["*.tmp", "c/", "/a/b/", "z"], 2)
    made = mvc.open(str(work.root), who=WHO)
    if tracked:
        made.add(tracked, force=True)
    work.write(".mvcignore", "\n".join(rules) + "\n")
    made.add([".mvcignore"])
    place = work.root.parent / "git"  # Git may not see the work tree as a repository of mvc's own
    environment = {**os.environ, "GIT_DIR": str(place), "GIT_WORK_TREE": str(work.root)}

    def git(*words: str) -> list[str]:
        done = subprocess.run(
            ["git", *words],
            cwd=work.root,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.splitlines()

    git("init", "-q")
    git("config", "core.excludesFile", str(work.root / ".mvcignore"))
    git("add", "-f", ".mvcignore", *tracked)
    for which, flag in FLAGS.items():
        for deep in (False, True):
            words = ["-n", *filter(None, [flag]), *["-d"] * deep, "-e", "!.mvc"]
            theirs = [line.removeprefix("Would remove ") for line in git("clean", *words)]
            ours = would(made, folders=deep, which=which)
            assert ours == [path for path in theirs if not path.startswith(".mvc")], (which, deep)
