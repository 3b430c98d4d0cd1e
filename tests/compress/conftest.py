"""The tiny trained model, once a session, and a repository with it. One thread: more cost more where few are.

This folder is no package, so that ``compress`` is what is tested.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import families
import tiny

import mvc
from mvc.repository import Repository
from mvc.store import fs

WHO = ("Ada", "ada@example.org")
TRACKED = ["model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    try:
        import torch
    except ImportError:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fs, "_full_sync", lambda descriptor: None)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the model, its texts beside it."""
    import torch

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("trained")
    tiny.save(folder)
    return folder


@pytest.fixture(scope="session")
def dense(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the model as its one commit, to be copied."""
    folder = tmp_path_factory.mktemp("dense") / "work"
    shutil.copytree(trained, folder)
    repo = mvc.init(str(folder), who=WHO)
    repo.add(TRACKED)
    repo.commit("dense")
    return folder


@pytest.fixture
def repo(dense: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A copy of it, which the test stands in."""
    folder = tmp_path / "work"
    shutil.copytree(dense, folder)
    monkeypatch.chdir(folder)
    return mvc.open(os.fspath(folder), who=WHO)


@pytest.fixture(scope="session")
def family(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A repository with the model of a family as its one commit, made once, to be copied."""
    root = tmp_path_factory.mktemp("families")

    def make(name: str) -> Path:
        folder = root / name
        if not folder.exists():
            families.save(name, folder, trained)
            repo = mvc.init(os.fspath(folder), who=WHO)
            repo.add(TRACKED)
            repo.commit("dense")
        return folder

    return make


@pytest.fixture
def opened(
    family: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> families.Opening:
    """A copy of a family's repository, which the test stands in."""

    def opening(name: str) -> Repository:
        folder = tmp_path / name
        shutil.copytree(family(name), folder)
        monkeypatch.chdir(folder)
        return mvc.open(os.fspath(folder), who=WHO)

    return opening
