"""repair puts right what the repository itself can tell, loses nothing more, and says what is lost."""

from __future__ import annotations

import os
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

import mvc
from mvc.errors import MvcError
from mvc.maintenance.repair import Repaired
from mvc.opening import open_damaged
from mvc.repository import Repository

Damage = Callable[[Path], None]


@pytest.fixture
def history(repository: Repository) -> Path:
    """Two commits on main, one on topic, a lightweight and an annotated tag, an operation undone."""
    root = Path(repository.root)
    repository.tags.create("v1", "HEAD~1")
    repository.tags.create("v2", message="two")
    repository.switch("topic", create="new")
    (root / "notes.txt").write_text("topic")
    repository.add(["notes.txt"])
    repository.commit("on topic")
    repository.switch("main")
    return root


def contents(root: Path) -> dict[str, dict[str, bytes]]:
    """Every file of every branch and tag."""
    repository = mvc.open(str(root))
    names = [*repository.branches, *repository.tags]
    return {
        name: {
            path: b"".join(map(bytes, repository.read_file(path, name)))
            for path in repository.snapshot(name)
        }
        for name in names
    }


def findings(root: Path, *, full: bool = True) -> list[str]:
    found = open_damaged(str(root)).fsck(full=full)
    return [f"{one.where}: {one.message}" for one in found if not one.harmless]


def repair(root: Path, *, dry_run: bool = False) -> list[Repaired]:
    return open_damaged(str(root), who=None).repair(dry_run=dry_run)


def tree(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and "locks" not in path.parts and path.suffix != ".lock"
    }


def overwrite(path: Path, data: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(data)


def flip(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 0xFF
    overwrite(path, bytes(data))


def packs(folder: Path) -> list[Path]:
    return sorted((folder / "store" / "packs").iterdir())


def write(name: str, data: bytes) -> Damage:
    return lambda folder: overwrite(folder / name, data)


def lose(name: str) -> Damage:
    def act(folder: Path) -> None:
        if (folder / name).is_dir():
            shutil.rmtree(folder / name)
        else:
            (folder / name).unlink()

    return act


def each(pattern: str, act: Callable[[Path], None]) -> Damage:
    def run(folder: Path) -> None:
        paths = [path for path in sorted(folder.glob(pattern)) if path.is_file()]
        assert paths
        for path in paths:
            act(path)

    return run


def cut(by: int) -> Callable[[Path], None]:
    return lambda path: overwrite(path, path.read_bytes()[:-by])


def pack_refs(folder: Path) -> None:
    """As ``git pack-refs --all`` does, then damage in one line."""
    lines = []
    for path in sorted((folder / "refs").rglob("*")):
        if path.is_file() and "mvc" not in path.parts[-2:-1]:
            lines.append(f"{path.read_text().strip()} {path.relative_to(folder).as_posix()}\n")
            path.unlink()
    lines[0] = "?" + lines[0][1:]
    (folder / "packed-refs").write_text("".join(lines))


#: What repair puts right wholly, without the help of the work tree.
CURABLE: dict[str, Damage] = {
    "HEAD lost": lose("HEAD"),
    "HEAD empty": write("HEAD", b""),
    "HEAD binary": write("HEAD", bytes(range(256))),
    "HEAD elsewhere": write("HEAD", b"ref: refs/heads/nain\n"),
    "HEAD outside": write("HEAD", b"ref: ../../etc/passwd\n"),
    "branch lost": lose("refs/heads/main"),
    "branch empty": write("refs/heads/main", b""),
    "branch cut": each("refs/heads/main", cut(10)),
    "branch names nothing": write("refs/heads/topic", b"1" * 40 + b"\n"),
    "branches lost": lose("refs/heads"),
    "tag lost": lose("refs/tags/v1"),
    "annotated tag damaged": write("refs/tags/v2", b"\0" * 41),
    "all refs of mvc lost": lose("refs/mvc"),
    "all refs lost": lose("refs"),
    "operations lost": lose("refs/mvc/ops"),
    "operations damaged": write("refs/mvc/ops", b"0" * 12),
    "operations name nothing": write("refs/mvc/ops", b"2" * 40 + b"\n"),
    "operations and applied lost": lambda folder: (
        lose("refs/mvc/ops")(folder),
        lose("applied")(folder),
    )[0],
    "stage lost": lose("refs/mvc/stage"),
    "stage damaged": write("refs/mvc/stage", b"what"),
    "packed refs damaged": pack_refs,
    "format lost": lose("format"),
    "format damaged": write("format", b"mvc repositorx 1\n"),
    "config lost": lose("config"),
    "config damaged": write("config", b"[core\nbare"),
    "config of another kind": write("config", b"[core]\n\tbare = false\n"),
    "reflog cut": each("logs/HEAD", cut(30)),
    "reflog binary": write("logs/refs/heads/main", bytes(range(256))),
    "folders lost": lambda folder: [shutil.rmtree(folder / n) for n in ("locks", "store/incoming")][
        0
    ],
    "indexes lost": lose("store/index"),
    "an index flipped": each("store/index/*", lambda path: flip(path, 100)),
    "an index cut": each("store/index/*", cut(33)),
    "pack headers flipped": each("store/packs/*", lambda path: flip(path, 3)),
    "pack footers flipped": each("store/packs/*", lambda path: flip(path, -20)),
    "pack tables flipped": each("store/packs/*", lambda path: flip(path, -100)),
    "packs cut": each("store/packs/*", cut(70)),
    "packs without index and footer": lambda folder: (
        each("store/index/*", Path.unlink)(folder),
        each("store/packs/*", cut(70))(folder),
    )[0],
    "applied damaged": write("applied", b"\xff\xff"),
}


@pytest.mark.parametrize("damage", CURABLE.values(), ids=CURABLE)
def test_what_the_repository_can_tell_is_put_right(history: Path, damage: Damage) -> None:
    before = contents(history)
    damage(history / ".mvc")
    planned = repair(history, dry_run=True)
    done = repair(history)
    assert not [step for step in done if step.lost], done
    assert findings(history) == []
    assert contents(history) == before
    assert mvc.open(str(history)).branch == "main"
    assert repair(history) == [], "the second repair found something to do"
    assert bool(planned) == bool(done)
