"""Planning bases anew leaves what stands on a factor, or was made of other floats, as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import mvc
from mvc.history.signature import Signature
from tests.worktree.work import safetensors

WHO = Signature("Ada", "ada@example.org", 1_700_000_000, 0)
SHAPE = [600, 256]


def weight(dtype: str, values: np.ndarray) -> bytes:
    return safetensors({"layer.weight": (dtype, SHAPE, values.tobytes())})


def quantized(values: np.ndarray) -> np.ndarray:
    scale = abs(values).max(axis=1, keepdims=True) / np.float32(127)
    return np.rint(values / scale).astype("i1")


def test_lora_merges_and_quantized_exports_keep_what_they_stand_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mvc.store.fs._full_sync", lambda descriptor: None)
    repository = mvc.init(str(tmp_path), who=WHO)
    draw = np.random.default_rng(0)
    values = (draw.standard_t(5, SHAPE) * 0.02).astype("<f4")
    files: dict[str, bytes] = {}
    for number in range(4):
        if number == 2:
            change = draw.normal(0, 1, (600, 4)) @ draw.normal(0, 1, (4, 256))
            change *= 0.01 * np.linalg.norm(values) / np.linalg.norm(change)
            values = (values + change).astype("<f4")
        elif number:
            values = values + draw.normal(0, 1e-5, SHAPE).astype("<f4")
        files = {"full": weight("F32", values), "bytes": weight("I8", quantized(values))}
        for name, data in files.items():
            Path(tmp_path, name + ".safetensors").write_bytes(data)
        repository.add(["full.safetensors", "bytes.safetensors"])
        repository.commit(f"step {number}")
    packs = Path(tmp_path, ".mvc", "store", "packs")
    before = sum(file.stat().st_size for file in packs.iterdir())
    repository.upkeep.gc(prune="now", expire="now", aggressive=True)
    again = mvc.open(str(tmp_path))
    assert sum(file.stat().st_size for file in packs.iterdir()) <= before
    assert list(again.upkeep.fsck(full=True)) == []
    for name in files:
        Path(tmp_path, name + ".safetensors").unlink()
    again.restore(["."])
    for name, data in files.items():
        assert Path(tmp_path, name + ".safetensors").read_bytes() == data
