"""Whatever is damaged, however often: repair ends, says what is lost, and what is left is whole.

The oracle is the history as it was built. Each run damages a few files in random ways; afterwards every
file of every branch and tag reads as it was, or a line of the repair has named the loss.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from maintenance.ruins import Contents, findings, overwrite, repair

import mvc
from mvc.errors import IntegrityError, MvcError
from mvc.opening import open_damaged

#: Never damaged: locks hold nothing, and what lies in lost-found is the user's.
_SPARED = ("locks", "lost-found")


@pytest.fixture(scope="module", autouse=True)
def quick_disk() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mvc.store.fs._full_sync", lambda descriptor: None)
        yield


def victims(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not set(_SPARED).intersection(path.parts) and path.suffix != ".lock"
    ]


def ruin(folder: Path, chance: random.Random, count: int) -> list[str]:
    done = []
    for path in chance.sample(victims(folder), count):
        data = bytearray(path.read_bytes())
        kind = chance.choice(["flip", "cut", "zero", "grow", "lose", "empty", "noise"])
        at = chance.randrange(len(data)) if data else 0
        if kind == "lose":
            path.unlink()
        elif kind == "flip" and data:
            data[at] ^= chance.randrange(1, 256)
        elif kind == "cut":
            del data[at:]
        elif kind == "zero":
            data[at : at + 64] = bytes(len(data[at : at + 64]))
        elif kind == "grow":
            data += chance.randbytes(50)
        elif kind == "empty":
            data.clear()
        else:
            data[at : at + 16] = chance.randbytes(len(data[at : at + 16]))
        if kind != "lose":
            overwrite(path, bytes(data))
        done.append(f"{kind} {path.relative_to(folder)} at {at}")
    return done


def readable(root: Path, whole: Contents) -> set[tuple[str, str]]:
    """The files of branches and tags that read as they were; none reads as anything else that it was not."""
    repository = mvc.open(str(root))
    found = set()
    versions = {
        path: {files.get(path) for files in whole.values()}
        for files in whole.values()
        for path in files
    }
    for name in whole:
        try:
            snapshot = repository.snapshot(name)
        except MvcError:
            continue
        for path in snapshot:
            try:
                data = b"".join(map(bytes, repository.read_file(path, name)))
            except IntegrityError:
                continue
            assert data in versions[path], f"{name}:{path} reads as something that it never was"
            if data == whole[name].get(path):
                found.add((name, path))
    return found


def survive(original: Path, whole: Contents, seed: int, count: int) -> None:
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch, "history")
        shutil.copytree(original, root)
        done = ruin(root / ".mvc", chance, count)
        list(open_damaged(str(root)).fsck(full=True))
        repair(root, dry_run=True)
        steps = repair(root)
        lost = [f"{step.where}: {step.what}" for step in steps if step.lost]
        left = findings(root)
        assert bool(left) <= bool(lost), (done, steps, left)
        assert [step for step in repair(root) if not step.lost] == [], (done, steps)
        everything = {(name, path) for name, files in whole.items() for path in files}
        if not lost:
            assert readable(root, whole) == everything, (done, steps)
        else:
            readable(root, whole)
        repository = mvc.open(str(root), who=("Ada", "ada@example.org"))
        (root / "new.txt").write_text("life goes on")
        if not any("Git object" in line for line in lost):
            repository.add(["new.txt"])
            repository.commit("after the repair")


@given(seed=st.integers(0, 2**32), count=st.integers(1, 4))
@settings(max_examples=6)
def test_any_damage_is_survived(original: Path, whole: Contents, seed: int, count: int) -> None:
    survive(original, whole, seed, count)


@pytest.mark.faults_full
@pytest.mark.parametrize("block", range(20))
def test_very_many_damages_are_survived(original: Path, whole: Contents, block: int) -> None:
    for seed in range(block * 100, block * 100 + 100):
        survive(original, whole, seed, 1 + seed % 6)
