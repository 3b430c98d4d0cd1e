"""Packed Git objects are read without libgit2; what does not hash to its name is not given out."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from mvc.history.packed import PackedObjects

#: The folder of objects, and what each of them holds.
Packed = tuple[Path, dict[str, bytes]]


def git(folder: Path, *words: str, stdin: bytes = b"") -> bytes:
    done = subprocess.run(["git", *words], cwd=folder, input=stdin, capture_output=True, check=True)
    return done.stdout


@pytest.fixture(scope="module", params=["", "--no-delta-base-offset"])
def packed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Packed:
    """Objects in one pack, in chains of deltas, by offset or by id."""
    folder = tmp_path_factory.mktemp("packed")
    git(folder, "init", "-q", "--bare", ".")
    draw = random.Random(7)
    lines = [f"line {draw.random()}" for _ in range(400)]
    bodies = []
    for number in range(40):
        lines[draw.randrange(400)] = f"changed {number} {draw.random()}"
        bodies.append("\n".join(lines).encode())
    ids = [
        git(folder, "hash-object", "-w", "--stdin", stdin=body).decode().strip()
        for body in (*bodies, b"")
    ]
    place = folder / "objects" / "pack" / "pack"
    options = () if request.param else ("--delta-base-offset",)
    git(folder, "pack-objects", "-q", *options, str(place), stdin="\n".join(ids).encode())
    git(folder, "prune-packed")
    return folder / "objects", dict(zip(ids, (*bodies, b""), strict=True))


def test_each_object_that_git_packed_is_read(packed: Packed) -> None:
    objects, expected = packed
    reader = PackedObjects(str(objects))
    assert {id_: reader.read(id_) for id_ in expected} == {
        id_: ("blob", body) for id_, body in expected.items()
    }
    assert reader.read("0" * 40) is None
    assert reader.read("f" * 40) is None


@pytest.mark.parametrize("ending", [".idx", ".pack"])
@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_pack_gives_out_an_object_whole_or_not_at_all(
    packed: Packed, tmp_path: Path, ending: str, seed: int
) -> None:
    objects, expected = packed
    draw = random.Random(seed)
    (tmp_path / "pack").mkdir()
    for file in (objects / "pack").iterdir():
        data = bytearray(file.read_bytes())
        if file.suffix == ending:
            for _ in range(30):
                data[draw.randrange(len(data))] = draw.randrange(256)
            del data[draw.choice([len(data), draw.randrange(len(data))]) :]
        (tmp_path / "pack" / file.name).write_bytes(data)
    reader = PackedObjects(str(tmp_path))
    for id_, body in expected.items():
        assert reader.read(id_) in (None, ("blob", body))


def test_the_newest_commit_is_logged_after_gc_without_libgit2(tmp_path: Path) -> None:
    code = """if True:
        import sys, mvc
        repository = mvc.init(".")
        who = mvc.Signature("A", "a@b.example", 1, 0)
        repository.who = lambda: who
        open("f", "w").write("1")
        repository.add(["f"])
        repository.commit("first")
        repository.upkeep.gc()
        sys.stdout.write(repository.read_commit().subject)
    """
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    look = """if True:
        import sys, mvc
        print([commit.subject for commit in mvc.open(".").log(limit=1)], "pygit2" in sys.modules)
    """
    said = subprocess.run(
        [sys.executable, "-c", look], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert said.stdout == "['first'] False\n"
