"""What the repository itself can tell is put right, with nothing deleted, and once is enough."""

from __future__ import annotations

from pathlib import Path

import pytest
from maintenance.ruins import (
    Contents,
    Damage,
    contents,
    cut,
    each,
    everything,
    findings,
    flip,
    lose,
    overwrite,
    pack_refs,
    repair,
)

import mvc
from mvc.errors import MvcError


def write(name: str, data: bytes) -> Damage:
    return lambda folder: overwrite(folder / name, data)


def without(*names: str) -> Damage:
    return lambda folder: [lose(folder, name) for name in names]


def damaged_packed_refs(folder: Path) -> None:
    pack_refs(folder)
    flip(folder / "packed-refs", 0)


def bare_packs(folder: Path) -> None:
    each(folder, "store/index/*", Path.unlink)
    each(folder, "store/packs/*", lambda pack: cut(pack, 70))


#: What repair puts right wholly. Those of the second group no verb notices.
DAMAGES: dict[str, Damage] = {
    "HEAD lost": without("HEAD"),
    "HEAD empty": write("HEAD", b""),
    "HEAD binary": write("HEAD", bytes(range(256))),
    "HEAD outside": write("HEAD", b"ref: ../../etc/passwd\n"),
    "branch empty": write("refs/heads/main", b""),
    "branch cut": lambda folder: cut(folder / "refs/heads/main", 10),
    "branch names nothing": write("refs/heads/main", b"1" * 40 + b"\n"),
    "all refs of mvc lost": without("refs/mvc"),
    "all refs lost": without("refs"),
    "operations damaged": write("refs/mvc/ops", b"0" * 12),
    "operations name nothing": write("refs/mvc/ops", b"2" * 40 + b"\n"),
    "stage damaged": write("refs/mvc/stage", b"what"),
    "packed refs damaged": damaged_packed_refs,
    "format lost": without("format"),
    "format damaged": write("format", b"mvc repositorx 1\n"),
    "config damaged": write("config", b"[core\nbare"),
    "folders lost": without("locks", "store/incoming"),
    "index folder lost": without("store/index"),
    "pack headers flipped": lambda folder: each(folder, "store/packs/*", lambda p: flip(p, 3)),
}
SILENT: dict[str, Damage] = {
    "HEAD elsewhere": write("HEAD", b"ref: refs/heads/nain\n"),
    "branch lost": without("refs/heads/main"),
    "other branch damaged": write("refs/heads/topic", b"?" * 41),
    "branches lost": without("refs/heads"),
    "tag lost": without("refs/tags/v1"),
    "annotated tag damaged": write("refs/tags/v2", b"\0" * 41),
    "operations lost": without("refs/mvc/ops"),
    "operations and applied lost": without("refs/mvc/ops", "applied"),
    "stage lost": without("refs/mvc/stage"),
    "config lost": without("config"),
    "config of another kind": write("config", b"[core]\n\tbare = false\n"),
    "reflog names nothing": write(
        "logs/refs/heads/main", b"%040d %040d A <a@b> 1 +0000\tx\n" % (1, 2)
    ),
    "index flipped": lambda folder: each(folder, "store/index/*", lambda p: flip(p, 100)),
    "index cut": lambda folder: each(folder, "store/index/*", lambda p: cut(p, 33)),
    "pack footers flipped": lambda folder: each(folder, "store/packs/*", lambda p: flip(p, -20)),
    "pack tables flipped": lambda folder: each(folder, "store/packs/*", lambda p: flip(p, -100)),
    "packs cut, without index": bare_packs,
}


def some(table: dict[str, Damage], step: int) -> list[object]:
    """All of ``table``, of which every ``step``-th belongs to the ordinary run."""
    rest = [pytest.mark.faults_full]
    return [
        pytest.param(damage, id=name, marks=rest if number % step else [])
        for number, (name, damage) in enumerate(table.items())
    ]


@pytest.mark.parametrize("damage", some({**DAMAGES, **SILENT}, 2))
def test_what_the_repository_can_tell_is_put_right(
    history: Path, whole: Contents, damage: Damage
) -> None:
    damage(history / ".mvc")
    ruin = everything(history)
    assert findings(history, full=False), "fsck has no word on it"
    assert repair(history, dry_run=True), "the dry run would do nothing"
    assert everything(history).keys() >= ruin.keys()
    done = repair(history)
    assert done and not [step for step in done if step.lost], done
    assert findings(history) == []
    assert contents(history) == whole
    assert mvc.open(str(history)).branch == "main"
    assert mvc.open(str(history)).status().clean
    assert repair(history) == [], "the second repair found something to do"
    kept = everything(history).values()
    for path, data in ruin.items():
        there = is_derived(path) or moved_on(path, data)
        assert there or any(now.startswith(data) for now in kept), f"{path} was deleted"


@pytest.mark.parametrize("damage", some(DAMAGES, 3))
def test_until_then_every_verb_fails_with_the_way_out(history: Path, damage: Damage) -> None:
    damage(history / ".mvc")
    with pytest.raises(MvcError) as caught:
        repository = mvc.open(str(history), who=("Ada", "ada@example.org"))
        repository.status()
        list(repository.log())
        repository.add(["."])
        repository.read_file("m.safetensors").__next__()
        repository.commit("more", allow_empty=True)
    assert "mvc fsck" in (caught.value.hint or ""), caught.value


def is_derived(path: str) -> bool:
    """Whether the file can be made again from others: indexes are merged, caches are written anew."""
    return path.endswith((".idx", "/stat-cache", "/applied"))


def moved_on(path: str, data: bytes) -> bool:
    """Whether the file is the ref of the operation log, which a repair adds to."""
    return path.endswith("refs/mvc/ops") and len(data) == 41
