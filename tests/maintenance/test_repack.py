"""``repack`` and ``gc --aggressive`` of whole histories: smaller, and every commit is what it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from maintenance.garbage import WHO, check, contents, reopened, stored

import mvc
from mvc.repository import Repository

COUNT = 30_000


@pytest.fixture
def family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Fine-tunes on branches of their own, in files of their own; the base comes last, in half as many bits."""
    monkeypatch.setattr("mvc.store.fs._full_sync", lambda descriptor: None)
    repository = mvc.init(str(tmp_path), who=WHO)
    draw = np.random.default_rng(0)
    base = draw.normal(0, 0.02, COUNT).astype("f4")
    Path(repository.root, "notes.txt").write_text("a family\n")
    repository.add(["notes.txt"])
    repository.commit("begin")
    for number in range(3):
        repository.switch(f"tune{number}", create="new", start="main")
        tuned = (base + draw.normal(0, 1e-5, COUNT)).astype("f4")
        repository.commit_tensors({"w": tuned}, f"tune {number}", path=f"t{number}.safetensors")
    repository.switch("main")
    repository.commit_tensors({"w": base}, "base")
    repository.commit_tensors({"model.w": base.astype("f2")}, "half", path="half.safetensors")
    return repository


def test_a_family_on_branches_is_found_and_every_commit_is_what_it_was(family: Repository) -> None:
    before, size = contents(family), stored(family)
    said = family.upkeep.repack(dry_run=True)
    assert stored(family) == size and said.objects == 4
    done = family.upkeep.repack()
    assert done.objects == 4 and done.after == pytest.approx(said.after, rel=0.2)
    assert stored(family) > size  # the old copies are still there
    check(family)
    assert contents(family) == before
    collected = reopened(family).upkeep.gc(prune="now")
    assert collected.freed > 0 or collected.gathered
    reopened(family).upkeep.gc(aggressive=True, prune="now")
    assert stored(family) < 0.7 * size
    assert contents(reopened(family)) == before
    check(reopened(family))


def test_an_aggressive_collection_does_it_all_and_a_second_finds_nothing(
    family: Repository,
) -> None:
    before, size = contents(family), stored(family)
    said = family.upkeep.gc(aggressive=True, prune="now", dry_run=True)
    assert said.repacked is not None and said.repacked.objects == 4 and stored(family) == size
    done = family.upkeep.gc(aggressive=True, prune="now")
    assert done.repacked is not None and done.repacked.objects == 4
    assert done.freed == size - stored(family) > 0
    again = reopened(family).upkeep.gc(aggressive=True, prune="now")
    assert again.repacked is not None and again.repacked.objects == 0
    assert not again.freed and not again.gathered
    assert contents(reopened(family)) == before


def test_within_the_grace_period_both_copies_stay_and_then_the_old_ones_go(
    family: Repository,
) -> None:
    before, size = contents(family), stored(family)
    reader = reopened(family)
    lazy = reader.load("tune1", "t1.safetensors")
    done = family.upkeep.gc(aggressive=True)
    assert done.waiting > 0 and stored(family) > size
    check(reopened(family))
    again = reopened(family).upkeep.gc(aggressive=True)
    assert again.repacked is not None and not again.repacked.objects and again.waiting
    reopened(family).upkeep.gc(prune="now")
    assert stored(family) < 0.7 * size
    assert lazy["w"].shape == (COUNT,)
    assert contents(reopened(family)) == before


def test_a_commit_that_only_undo_reaches_keeps_what_it_stands_on(family: Repository) -> None:
    values = family.load("main", "model.safetensors")["w"]
    family.commit_tensors({"w": values + np.float32(1e-6)}, "given up")
    family.reset("HEAD~1", mode="hard")
    before = contents(family)
    family.upkeep.gc(aggressive=True, prune="now")
    assert contents(reopened(family)) == before
    check(reopened(family))
    assert reopened(family).undo().verb == "reset"


def test_an_empty_repository_has_nothing_to_repack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mvc.store.fs._full_sync", lambda descriptor: None)
    repository = mvc.init(str(tmp_path), who=WHO)
    assert repository.upkeep.repack().objects == 0
