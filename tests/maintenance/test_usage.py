"""``du``: its sums are those of the packs, and what it calls a row's own is what goes with the row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from maintenance.garbage import WHO, reopened
from worktree.work import safetensors

import mvc
from mvc.errors import UsageError
from mvc.maintenance.usage import REST, Usage
from mvc.repository import Repository

COUNT = 20_000


def commit(repository: Repository, message: str, **tensors: np.ndarray) -> str:
    return repository.commit_tensors(tensors, message).id


@pytest.fixture
def family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Two commits on main; a branch with one more; a tag that no branch leads to."""
    monkeypatch.setattr("mvc.store.fs._full_sync", lambda descriptor: None)
    repository = mvc.init(str(tmp_path), who=WHO)
    draw = np.random.default_rng(0)
    base, head = (draw.normal(0, 0.02, COUNT).astype("f2") for _ in range(2))
    commit(repository, "one", base=base, head=head)
    commit(repository, "two", base=(base + draw.normal(0, 1e-4, COUNT)).astype("f2"), head=head)
    for name, tag in (("side", False), ("gone", True)):
        repository.switch(name, create="new", start="main~1")
        commit(repository, name, base=base, head=draw.normal(0, 0.02, COUNT).astype("f2"))
        if tag:
            repository.tags.create("kept")
        repository.switch("main")
    repository.branches.delete("gone", force=True)
    return repository


def rows(found: Usage) -> dict[str, int]:
    return {row.name: row.space.stored for row in found.rows}


def test_four_sums_fall_and_the_last_is_what_the_packs_hold(family: Repository) -> None:
    found = family.upkeep.usage()
    total = found.total
    assert total.logical > total.unique > total.alone > total.stored > 0
    assert total.versions == 4
    assert total.logical == sum(
        manifest.size
        + family._context.store.length(manifest.skeleton)
        - (manifest.size - sum(family._context.store.length(e.id) for e in manifest.tensors))
        for revision in ("main", "main~1", "side", "kept")
        if (manifest := family.snapshot(revision).manifest("model.safetensors"))
        and manifest.skeleton
    )
    store = family._context.store
    assert total.stored == sum(map(store.stored_length, store.object_ids()))
    assert found.unreached == 0
    assert {row.name for row in found.rows} == {"main", "side", "tag kept"}


def test_what_is_a_branchs_own_is_freed_with_it(family: Repository) -> None:
    found = family.upkeep.usage()
    (own,) = (row.own for row in found.rows if row.name == "side")
    family.branches.delete("side", force=True)
    assert family.upkeep.usage().unreached == own
    before = found.files["packs"]
    reopened(family).upkeep.gc(prune="now", expire="now")
    after = reopened(family).upkeep.usage()
    assert after.unreached == 0 and after.total.stored == found.total.stored - own
    assert before - after.files["packs"] >= own


def test_commits_share_nothing_of_what_they_added(family: Repository) -> None:
    found = family.upkeep.usage(by="commit")
    assert sum(rows(found).values()) == found.total.stored
    assert sum(row.space.unique for row in found.rows) == found.total.unique
    first = family.resolve("main~1")
    (row,) = (row for row in found.rows if row.commit == first)
    assert row.own == 0 and row.space.objects == 3  # all of it is in the commits after it, too
    (two,) = (row for row in found.rows if row.commit == family.resolve("main"))
    assert two.own == two.space.stored < two.space.unique / 2


def test_tensors_are_told_by_name_and_the_rest_together(family: Repository) -> None:
    found = family.upkeep.usage(["main"], by="tensor")
    assert rows(found).keys() == {"base", "head", REST}
    assert sum(rows(found).values()) == found.total.stored
    (head,) = (row for row in found.rows if row.name == "head")
    assert head.space.logical == 2 * head.space.unique == 4 * COUNT
    only = family.upkeep.usage(["main"], by="tensor", tensors=["hea*"])
    assert rows(only) == {"head": head.space.stored}
    assert only.unreached == found.unreached + found.total.stored - head.space.stored


def test_a_range_and_a_path_limit_what_counts(family: Repository) -> None:
    Path(family.root, "data.bin").write_bytes(bytes(range(256)) * 8)
    family.add(["data.bin"])
    family.commit("data")
    found = family.upkeep.usage(["main~1..main"], paths=["data.bin"])
    assert found.total.versions == 1 and found.total.logical == 2048
    found = family.upkeep.usage(["main~1..main"], by="model")
    assert rows(found).keys() == {"data.bin", "model.safetensors"}
    with pytest.raises(UsageError):
        family.upkeep.usage(["nowhere"])


def test_the_shards_of_a_model_are_one_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mvc.store.fs._full_sync", lambda descriptor: None)
    repository = mvc.init(str(tmp_path), who=WHO)
    for name in "ab":
        data = safetensors({name: ("U8", [4], name.encode() * 4)})
        (tmp_path / f"model-{name}.safetensors").write_bytes(data)
    weights = (
        '{"metadata": {}, "weight_map": {"a": "model-a.safetensors", "b": "model-b.safetensors"}}'
    )
    (tmp_path / "model.safetensors.index.json").write_text(weights)
    repository.add(["."])
    repository.commit("sharded")
    assert rows(repository.upkeep.usage(by="model")).keys() == {"model.safetensors"}


def test_an_empty_repository_takes_no_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mvc.store.fs._full_sync", lambda descriptor: None)
    found = mvc.init(str(tmp_path), who=WHO).upkeep.usage()
    assert found.rows == () and found.total.stored == 0


def test_what_is_stood_on_is_told_from_what_nothing_needs(family: Repository) -> None:
    found = family.upkeep.usage(["main~1..main"], tensors=["base"])
    (whole,) = (
        family._context.store.stored_length(entry.id)
        for entry in family.snapshot("main~1").manifest("model.safetensors").tensors  # type: ignore[union-attr]
        if entry.name == "base"
    )
    assert found.bases == whole
    everything = family.upkeep.usage()
    assert everything.bases == 0
    assert found.total.stored + found.bases + found.unreached == everything.total.stored
