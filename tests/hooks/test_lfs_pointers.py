"""Weights that Git LFS keeps: the pointer in the index, the content in the work tree or not there."""

from __future__ import annotations

import hashlib
import shutil

import pytest
from weights_repo import WeightsRepo

from hooks.weight_hashes import NAME

A = {"bias": [1.0, 2.0], "weight": [3.0, 4.0, 5.0]}

needs_lfs = pytest.mark.skipif(shutil.which("git-lfs") is None, reason="needs git-lfs")


def _pointer(data: bytes) -> bytes:
    digest = hashlib.sha256(data).hexdigest()
    return (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(data)}\n"
    ).encode()


@needs_lfs
def test_the_recorded_digest_is_the_one_in_the_pointer(repo: WeightsRepo) -> None:
    repo.git("lfs", "install", "--local", "--skip-repo")
    repo.git("lfs", "track", "*.safetensors")
    repo.git("add", ".gitattributes")
    repo.add("m.safetensors", A)
    repo.settle()
    entry = repo.hashes()["m.safetensors"]
    pointer = repo.git("cat-file", "blob", ":m.safetensors")
    assert f"oid sha256:{entry['sha256']}\nsize {entry['size']}\n" in pointer
    assert len(entry["tensors"]) == 2


@needs_lfs
def test_a_clone_without_the_weights_passes(
    repo: WeightsRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.git("lfs", "install", "--local", "--skip-repo")
    repo.git("lfs", "track", "*.safetensors")
    repo.git("add", ".gitattributes")
    repo.add("m.safetensors", A)
    repo.settle()
    monkeypatch.setenv("GIT_LFS_SKIP_SMUDGE", "1")
    repo.git("clone", "-q", ".", "clone")
    monkeypatch.chdir(repo.root / "clone")
    assert (repo.root / "clone" / "m.safetensors").read_bytes().startswith(b"version https://")
    for arguments in ((), ("--check",)):
        done = repo.hook(*arguments)
        assert (done.code, done.text) == (0, "")


def test_a_pointer_to_other_weights_asks_for_them(repo: WeightsRepo) -> None:
    repo.add("m.safetensors", A)
    repo.settle()
    before = (repo.root / NAME).read_bytes()
    repo.add("m.safetensors", _pointer(b"others"))
    for arguments in ((), ("--check",)):
        done = repo.hook(*arguments)
        assert done.code == 1
        assert "is a Git LFS pointer to other weights than those recorded" in done.err
        assert "git lfs pull --include m.safetensors" in done.err
    assert (repo.root / NAME).read_bytes() == before


def test_a_pointer_says_all_about_plain_bytes(repo: WeightsRepo) -> None:
    data = b"GGUF" + bytes(100)
    repo.add("m.gguf", _pointer(data))
    repo.settle()
    assert repo.hashes()["m.gguf"] == {
        "format": "bytes",
        "sha256": hashlib.sha256(data).hexdigest(),
        "size": len(data),
    }
    repo.add("m.gguf", data)
    assert repo.hook().code == 0


def test_a_broken_pointer_is_an_error(repo: WeightsRepo) -> None:
    repo.add("m.safetensors", b"version https://git-lfs.github.com/spec/v1\noid sha256:12\n")
    done = repo.hook()
    assert (done.code, "is a Git LFS pointer, not weights" in done.err) == (1, True)
