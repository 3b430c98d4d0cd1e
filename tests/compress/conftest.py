"""The tiny trained model, once a session, and a repository with it. One thread: more cost more where few are.

This folder is no package, so that ``compress`` is what is tested.
"""

from __future__ import annotations

import json
import os
import re
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
LAYERS = 30
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
    return _committed(folder, "dense")


def _committed(folder: Path, message: str) -> Path:
    """``folder`` as a repository, the model in it as its one commit."""
    repo = mvc.init(os.fspath(folder), who=WHO)
    repo.add(TRACKED)
    repo.commit(message)
    return folder


def _copied(source: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A copy of a repository, which the test stands in."""
    shutil.copytree(source, folder)
    monkeypatch.chdir(folder)
    return mvc.open(os.fspath(folder), who=WHO)


@pytest.fixture
def repo(dense: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A copy of it, which the test stands in."""
    return _copied(dense, tmp_path / "work", monkeypatch)


@pytest.fixture(scope="session")
def family(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A repository with the model of a family as its one commit, made once, to be copied."""
    root = tmp_path_factory.mktemp("families")

    def make(name: str) -> Path:
        folder = root / name
        if not folder.exists():
            families.save(name, folder, trained)
            _committed(folder, "dense")
        return folder

    return make


@pytest.fixture
def opened(
    family: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> families.Opening:
    """A copy of a family's repository, which the test stands in."""

    def opening(name: str) -> Repository:
        return _copied(family(name), tmp_path / name, monkeypatch)

    return opening


@pytest.fixture(scope="session")
def deep(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained model with 27 blocks between its own that add next to nothing, in a repository."""
    import torch
    from safetensors.torch import load_file, save_file

    folder = tmp_path_factory.mktemp("deep") / "work"
    shutil.copytree(trained, folder)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config["num_hidden_layers"] = LAYERS
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    shallow = load_file(folder / "model.safetensors")
    draw, found = torch.Generator().manual_seed(0), {}
    for name, values in shallow.items():
        if not name.startswith("model.layers."):
            found[name] = values
            continue
        number, rest = re.fullmatch(r"model\.layers\.(\d+)\.(.+)", name).groups()  # type: ignore[union-attr]
        for at in range(int(number) * 10, int(number) * 10 + 10):
            first = at % 10 == 0
            adds = rest in ("self_attn.o_proj.weight", "mlp.down_proj.weight")
            little = 1e-3 * torch.randn(values.shape, generator=draw)
            found[f"model.layers.{at}.{rest}"] = little if adds and not first else values.clone()
    save_file(found, folder / "model.safetensors", {"format": "pt"})
    return _committed(folder, "thirty layers")


@pytest.fixture
def thirty(deep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A copy of that, which the test stands in."""
    return _copied(deep, tmp_path / "work", monkeypatch)
