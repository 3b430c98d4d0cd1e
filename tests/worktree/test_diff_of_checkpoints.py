"""A checkpoint of which only weights changed, and with them the zip's checksums, has no other content."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from formats.pytorch.torch_zip import Store, archive, tensor

import mvc
from mvc.repository import Repository


def checkpoint(value: float, epoch: int) -> bytes:
    weights = tensor(Store(struct.pack("<2f", value, value)), (2,))
    return archive({"epoch": epoch, "w": weights}).write()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setattr("mvc.store.fs._full_sync", lambda descriptor: None)
    made = mvc.init(str(tmp_path), who=("Ada", "ada@example.org"))
    (tmp_path / "m.pt").write_bytes(checkpoint(1.0, epoch=1))
    made.add(["m.pt"])
    made.commit("base")
    return made


@pytest.mark.parametrize("committed", [True, False])
@pytest.mark.parametrize(("epoch", "other"), [(1, False), (2, True)])
def test_only_what_is_pickled_beside_the_weights_counts(
    repository: Repository, committed: bool, epoch: int, other: bool
) -> None:
    Path(repository.root, "m.pt").write_bytes(checkpoint(2.0, epoch))
    if committed:
        repository.add(["m.pt"])
        repository.commit("next")
        [model] = repository.diff("HEAD~1", "HEAD").models
    else:
        [model] = repository.diff().models
    assert [tensor.name for tensor in model.tensors] == ["w"]
    assert model.other_content is other
