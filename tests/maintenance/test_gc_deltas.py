"""gc and fsck know that a tensor may stand on another, which nothing else names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from maintenance.garbage import check, reopened

from mvc.history.context import Context
from mvc.repository import Repository

COUNT = 50_000


def _commit(repository: Repository, values: np.ndarray, message: str) -> None:
    repository.commit_tensors({"w": values.astype(np.float16)}, message)


def _ids(repository: Repository, revision: str = "HEAD") -> str:
    manifest = repository.snapshot(revision).manifest("model.safetensors")
    assert manifest is not None
    return manifest.tensors[0].id


def _context(repository: Repository) -> Context:
    return repository._context


@pytest.fixture
def versions(repository: Repository) -> list[np.ndarray]:
    """Two commits of one tensor, the second a delta to the first; the first is then reset away."""
    draw = np.random.default_rng(0)
    first = draw.normal(0, 0.02, COUNT)
    second = first + draw.normal(0, 1e-4, COUNT)
    _commit(repository, first, "first")
    _commit(repository, second, "second")
    return [first, second]


def test_a_base_stays_as_long_as_what_stands_on_it(
    repository: Repository, versions: list[np.ndarray]
) -> None:
    base, top = _ids(repository, "HEAD~1"), _ids(repository)
    store = _context(repository).store
    assert store.stored_length(top) < store.length(top) / 2
    repository.reset("HEAD~1", mode="soft")
    repository.commit("second alone", amend=True)
    reopened(repository).upkeep.gc(prune="now", expire="now")
    again = reopened(repository)
    assert next(again.log()).subject == "second alone"
    assert base in _context(again).store and top in _context(again).store
    assert (again.load(path="model.safetensors")["w"] == versions[1].astype(np.float16)).all()
    check(again)


def test_a_chain_goes_when_nothing_stands_on_it(
    repository: Repository, versions: list[np.ndarray]
) -> None:
    base, top = _ids(repository, "HEAD~1"), _ids(repository)
    _commit(repository, np.arange(COUNT), "unrelated")
    unrelated = _ids(repository)
    repository.branches.create("old", "HEAD~1")
    repository.switch("old")
    for name, left in (("main", {base, top}), (None, {base, top, unrelated})):
        if name is not None:
            repository.branches.delete(name, force=True)
            reopened(repository).upkeep.gc(prune="now", expire="now")
            store = _context(reopened(repository)).store
            assert unrelated not in store and left <= set(store.object_ids())
    check(reopened(repository))


def test_collecting_moves_deltas_with_their_bases(
    repository: Repository, versions: list[np.ndarray]
) -> None:
    draw = np.random.default_rng(1)
    values = versions[1]
    for number in range(12):
        values = values + draw.normal(0, 1e-4, COUNT)
        _commit(repository, values, f"step {number}")
    expected = {
        c.id: repository.load(c.id, "model.safetensors")["w"].tobytes()
        for c in repository.log(limit=14)
    }
    reopened(repository).upkeep.gc(prune="now")
    packs = list(Path(repository.folder, "store", "packs").iterdir())
    assert len(packs) == 1
    again = reopened(repository)
    assert {
        c.id: again.load(c.id, "model.safetensors")["w"].tobytes() for c in again.log(limit=14)
    } == expected
    check(again)
