"""Walking the work tree: what add and status see, and what they pass over."""

from __future__ import annotations

import os
import sys

import pytest
from worktree.work import Work

from mvc.errors import UsageError
from mvc.worktree import candidates
from mvc.worktree.scan import scan, untracked

MODEL_FOLDER = [
    *("model.safetensors", "model.safetensors.index.json", "config.json", "tokenizer.json"),
    *("tokenizer_config.json", "vocab.txt", "merges.txt", "README.md", "spiece.model"),
    *("special_tokens_map.json", "generation_config.json", "preprocessor_config.json"),
]


def seen(work: Work, *tracked: str, collapse: bool = True) -> list[str]:
    return untracked(str(work.root), tracked, collapse=collapse).paths


def put(work: Work, *paths: str) -> None:
    for path in paths:
        work.write(path, "x")


def test_a_folder_with_nothing_tracked_is_listed_once(work: Work) -> None:
    put(work, "a.bin", "new/x.bin", "new/deep/y.bin", "mixed/t.bin", "mixed/u.bin", "mixed/n/v.bin")
    (work.root / "empty").mkdir()
    assert seen(work, "mixed/t.bin") == ["a.bin", "mixed/n/", "mixed/u.bin", "new/"]
    assert seen(work, "mixed/t.bin", collapse=False) == [
        *("a.bin", "mixed/n/v.bin", "mixed/u.bin", "new/deep/y.bin", "new/x.bin"),
    ]


def test_repositories_and_links_are_not_entered(work: Work) -> None:
    put(
        work,
        ".git/config",
        "sub/.git/config",
        "sub/.GIT/x",
        "other/.mvc/HEAD",
        "other/m.pt",
        "a.pt",
    )
    (work.root / "link").symlink_to(work.root / "other")
    (work.root / "a-link.pt").symlink_to("a.pt")
    found = untracked(str(work.root), ())
    # `.git` at the root makes this a code repository: only weights count.
    assert found.paths == ["a.pt"]
    assert found.skipped == [("a-link.pt", "is a symbolic link")]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_what_cannot_be_tracked_is_told_with_its_reason(work: Work) -> None:
    os.mkfifo(work.root / "pipe")
    put(work, "con.txt", "tab\there", "sub\\x")
    (work.root / "link").symlink_to("pipe")
    if sys.platform == "linux":
        with open(os.fsencode(work.root) + b"/\xff.bin", "wb"):
            pass
    found = untracked(str(work.root), ())
    assert found.paths == []
    reasons = dict(found.skipped)
    assert reasons.pop("link") == "is a symbolic link"
    assert reasons.pop("pipe") == "is a device, pipe or socket"
    assert "device name on Windows" in reasons.pop("con.txt")
    assert "control character" in reasons.pop("tab\there")
    assert "special on Windows" in reasons.pop("sub\\x")
    assert list(reasons.values()) in ([], ["is not valid UTF-8"])


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="everything can be read")
def test_a_folder_that_cannot_be_read_is_told(work: Work) -> None:
    put(work, "closed/x.bin")
    (work.root / "closed").chmod(0)
    try:
        assert [path for path, _ in untracked(str(work.root), ()).skipped] == ["closed/"]
    finally:
        (work.root / "closed").chmod(0o755)


def test_inside_a_code_repository_models_count_and_code_does_not(work: Work) -> None:
    (work.root / ".git").mkdir()
    put(work, *(f"models/{name}" for name in MODEL_FOLDER), "models/convert.py")
    put(work, "train.py", "README.md", "config.json", "data/table.csv", "out/last.ckpt")
    put(work, "venv/pyvenv.cfg", "venv/a.npy", "cache/CACHEDIR.TAG", "cache/deep/b.pt")
    assert seen(work) == sorted([*(f"models/{name}" for name in MODEL_FOLDER), "out/"])


def test_inside_a_code_repository_a_folder_of_nothing_but_a_model_is_listed_once(
    work: Work,
) -> None:
    (work.root / ".git").mkdir()
    put(work, *(f"models/{name}" for name in MODEL_FOLDER))
    assert seen(work) == ["models/"]


@pytest.mark.parametrize("name", MODEL_FOLDER)
def test_weights_and_sidecars_are_told_from_code(name: str) -> None:
    assert candidates.is_weights(name) or candidates.is_sidecar(name)
    assert not candidates.is_weights("train.py") and not candidates.is_sidecar("train.py")
    assert not candidates.is_sidecar("package.json") and not candidates.is_sidecar("tokenizer.py")


def test_the_code_repository_may_begin_above(work: Work) -> None:
    inner = work.root / "inner"
    inner.mkdir()
    assert not candidates.in_code_repository(str(inner))
    (work.root / ".git").write_text("gitdir: elsewhere\n")  # a linked worktree of Git
    assert candidates.in_code_repository(str(inner))


def test_scan_takes_files_folders_globs_and_all(work: Work) -> None:
    put(work, "a.pt", "b.bin", "sub/c.pt", "sub/deep/d.bin")
    root = str(work.root)
    assert scan(root, [""], tracked=()) == ["a.pt", "b.bin", "sub/c.pt", "sub/deep/d.bin"]
    assert scan(root, ["sub"], tracked=()) == ["sub/c.pt", "sub/deep/d.bin"]
    assert scan(root, ["b.bin", "sub/c.pt"], tracked=()) == ["b.bin", "sub/c.pt"]
    assert scan(root, ["*.pt"], tracked=()) == ["a.pt", "sub/c.pt"]
    assert scan(root, ["nothing", "no*"], tracked=()) == []
    assert scan(root, ["sub"], tracked=["sub/c.pt", "sub/gone.pt"]) == [
        "sub/c.pt",
        "sub/deep/d.bin",
    ]


def test_scan_takes_any_file_that_is_named_even_code(work: Work) -> None:
    (work.root / ".git").mkdir()
    put(work, "train.py", "m.pt")
    assert scan(str(work.root), ["train.py"], tracked=()) == ["train.py"]
    assert scan(str(work.root), [""], tracked=()) == ["m.pt"]
    assert scan(str(work.root), [""], tracked=["train.py"]) == ["m.pt", "train.py"]


@pytest.mark.parametrize("pattern", [".mvc", ".mvc/HEAD", ".git", "sub/.git"])
def test_scan_never_takes_from_a_repositorys_own_folder(work: Work, pattern: str) -> None:
    put(work, ".git/config", "sub/.git/config")
    with pytest.raises(UsageError, match="reserved"):
        scan(str(work.root), [pattern], tracked=())
