"""After gc the history lies in a Git pack: damage to it ends no process, and whole objects are kept."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from maintenance.ruins import ADA, Contents, contents, cut, each, findings, flip, repair

import mvc
from mvc.errors import MvcError
from mvc.history.gitobjects import ObjectWriter
from mvc.history.unpacking import Unpacking, damaged_packs
from mvc.store.fs import Disk


@pytest.fixture
def packed(history: Path) -> Path:
    mvc.open(str(history), who=ADA).upkeep.gc(prune="now")
    (pack,) = (history / ".mvc/objects/pack").glob("*.pack")
    assert pack.stat().st_size > 1000
    return history


CURABLE = {
    "index lost": lambda folder: each(folder, "objects/pack/*.idx", Path.unlink),
    # libgit2 believes an index: with this byte changed it never returns, with others it crashes.
    "index lies": lambda folder: each(folder, "objects/pack/*.idx", lambda p: flip(p, -70)),
    "index cut": lambda folder: each(folder, "objects/pack/*.idx", lambda p: cut(p, 30)),
    "index of nothing": lambda folder: each(
        folder, "objects/pack/*.idx", lambda p: p.chmod(0o644) or p.write_bytes(b"")
    ),
    "pack header": lambda folder: each(folder, "objects/pack/*.pack", lambda p: flip(p, 5)),
    "pack trailer": lambda folder: each(folder, "objects/pack/*.pack", lambda p: flip(p, -1)),
    "pack cut in its trailer": lambda folder: each(
        folder, "objects/pack/*.pack", lambda p: cut(p, 8)
    ),
}


@pytest.mark.parametrize("damage", CURABLE.values(), ids=CURABLE)
def test_every_object_is_got_out_of_the_pack(packed: Path, whole: Contents, damage) -> None:
    damage(packed / ".mvc")
    assert findings(packed)
    assert repair(packed, dry_run=True)
    assert not [step for step in repair(packed) if step.lost]
    assert findings(packed) == [] and contents(packed) == whole
    assert repair(packed) == []


@pytest.mark.parametrize("ending", ["idx", "pack"])
def test_a_flipped_byte_is_an_error_or_harmless_and_all_but_one_object_stay(
    packed: Path, whole: Contents, ending: str
) -> None:
    (path,) = (packed / ".mvc/objects/pack").glob(f"*.{ending}")
    good = path.read_bytes()
    for position in range(0, len(good), 173):
        flip(path, position)
        try:
            assert contents(packed) == whole
        except MvcError as error:
            assert "fsck" in (error.hint or ""), error
        assert findings(packed, full=False), position
        path.write_bytes(good)


def test_damage_in_the_middle_costs_no_object_behind_it(packed: Path) -> None:
    (path,) = (packed / ".mvc/objects/pack").glob("*.pack")
    before = list(Unpacking(str(path)))
    flip(path, path.stat().st_size // 2)
    after = list(Unpacking(str(path)))
    assert len(before) - 1 <= len(after) + 1
    assert set(after) <= set(before) and after[-1] == before[-1]


def test_deltas_are_undone_as_git_does(tmp_path: Path) -> None:
    """Thirty versions of a text, packed by Git with deltas by offset."""
    work = tmp_path / "work"
    git = ["git", "-c", "user.name=A", "-c", "user.email=a@b", "-C", str(work)]
    subprocess.run(["git", "init", "-q", str(work)], check=True)
    for step in range(30):
        lines = [f"line {n} of {n * step}" for n in range(200)]
        (work / "text").write_text("\n".join(lines))
        subprocess.run([*git, "add", "text"], check=True)
        subprocess.run([*git, "commit", "-qm", f"{step}"], check=True)
    subprocess.run([*git, "repack", "-adq", "--depth=20"], check=True)
    folder = work / ".git/objects"
    (pack,) = (folder / "pack").glob("*.pack")
    writer = ObjectWriter(str(tmp_path / "objects"), Disk())
    found = {writer.put(kind, body) for kind, body in Unpacking(str(pack))}
    listed = subprocess.run(
        [*git, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert found == set(listed)
    assert list(damaged_packs(str(folder))) == []
