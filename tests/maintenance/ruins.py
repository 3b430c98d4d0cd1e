"""A small real history, ways to damage it, and what must hold of it whatever happened."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from worktree.work import ADA, safetensors

import mvc
from mvc.maintenance.finding import Repaired
from mvc.opening import open_damaged

Damage = Callable[[Path], object]
#: What each branch and tag holds: name → path → bytes.
Contents = Mapping[str, Mapping[str, bytes]]


def tensors(step: int) -> bytes:
    """A model of which one tensor stays and one changes; no codec makes them smaller."""
    return safetensors({"a": ("U8", [300], noise(-1, 300)), "b": ("U8", [600], noise(step, 600))})


def noise(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


def build(root: Path) -> None:
    """Two commits on main, one on topic, a lightweight and an annotated tag."""
    repository = mvc.init(str(root), who=ADA)
    for step in range(2):
        (root / "m.safetensors").write_bytes(tensors(step))
        (root / "notes.txt").write_text(f"step {step}")
        (root / "deep").mkdir(exist_ok=True)
        (root / "deep" / "data.bin").write_bytes(bytes(range(step, 200)))
        repository.add(["."])
        repository.commit(f"step {step}")
    repository.tags.create("v1", "HEAD~1")
    repository.tags.create("v2", message="two")
    repository.switch("topic", create="new")
    (root / "notes.txt").write_text("topic")
    repository.add(["notes.txt"])
    repository.commit("on topic")
    repository.switch("main")


def contents(root: Path) -> dict[str, dict[str, bytes]]:
    repository = mvc.open(str(root))
    return {
        name: {
            path: b"".join(map(bytes, repository.read_file(path, name)))
            for path in repository.snapshot(name)
        }
        for name in [*repository.branches, *repository.tags]
    }


def findings(root: Path, *, full: bool = True) -> list[str]:
    """What fsck finds, notes left out."""
    found = open_damaged(str(root)).fsck(full=full)
    return [f"{one.where}: {one.message}" for one in found if not one.harmless]


def repair(root: Path, *, dry_run: bool = False) -> list[Repaired]:
    return open_damaged(str(root)).repair(dry_run=dry_run)


def everything(root: Path) -> dict[str, bytes]:
    """All files of a repository but its locks."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and "locks" not in path.parts and path.suffix != ".lock"
    }


def overwrite(path: Path, data: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(data)


def flip(path: Path, position: int, mask: int = 0xFF) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= mask
    overwrite(path, bytes(data))


def cut(path: Path, by: int) -> None:
    overwrite(path, path.read_bytes()[:-by])


def lose(folder: Path, name: str) -> None:
    if (folder / name).is_dir():
        shutil.rmtree(folder / name)
    else:
        (folder / name).unlink()


def each(folder: Path, pattern: str, act: Callable[[Path], object]) -> None:
    paths = [path for path in sorted(folder.glob(pattern)) if path.is_file()]
    assert paths
    for path in paths:
        act(path)


def pack_refs(folder: Path) -> None:
    """As ``git pack-refs --all`` does."""
    lines = []
    for path in sorted((folder / "refs").rglob("*")):
        if path.is_file() and path.parent.name != "mvc":
            lines.append(f"{path.read_text().strip()} {path.relative_to(folder).as_posix()}\n")
            path.unlink()
    (folder / "packed-refs").write_text("".join(lines))
