"""What is really lost is named, harms nothing else, and comes back with the file that it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from maintenance.ruins import Contents, contents, each, findings, flip, lose, noise, repair, tensors
from worktree.work import safetensors

import mvc
from mvc.errors import IntegrityError, MvcError
from mvc.repository import Repository


def packs_with(folder: Path, content: bytes) -> list[Path]:
    return [path for path in (folder / "store/packs").iterdir() if content in path.read_bytes()]


def damage(folder: Path, content: bytes) -> None:
    """Change stored bytes in every pack that has ``content``."""
    found = packs_with(folder, content)
    assert found
    for pack in found:
        pack.chmod(0o644)
        pack.write_bytes(pack.read_bytes().replace(content, content[:-1] + b"?"))


def loose(folder: Path, id_: str) -> Path:
    return folder / "objects" / id_[:2] / id_[2:]


def opened(root: Path) -> Repository:
    return mvc.open(str(root), who=("Ada", "ada@example.org"))


@pytest.fixture
def emptied(history: Path) -> Path:
    """The history without the files of the work tree: nothing can be taken from there."""
    (history / "m.safetensors").unlink()
    (history / "notes.txt").unlink()
    (history / "deep/data.bin").unlink()
    return history


def test_a_lost_tensor_is_named_with_commit_file_and_the_way_back(emptied: Path) -> None:
    first = opened(emptied).resolve("v1")
    damage(emptied / ".mvc", noise(0, 600))
    (lost,) = [step for step in repair(emptied) if step.lost]
    assert first in lost.where and "m.safetensors" in lost.where
    assert "the tensor 'b'" in lost.what and "mvc add m.safetensors" in lost.what
    assert [line for line in findings(emptied) if "'b'" not in line] == []


def test_all_but_the_lost_tensor_reads_bit_for_bit(emptied: Path, whole: Contents) -> None:
    damage(emptied / ".mvc", noise(0, 600))
    repair(emptied)
    repository = opened(emptied)
    with pytest.raises(IntegrityError):
        b"".join(repository.read_file("m.safetensors", "v1"))
    assert b"".join(map(bytes, repository.read_file("m.safetensors", "v2"))) == tensors(1)
    assert bytes(repository.load("v1")["a"].tobytes()) == noise(-1, 300)
    assert b"".join(map(bytes, repository.read_file("notes.txt", "v1"))) == whole["v1"]["notes.txt"]


def test_adding_the_old_file_again_makes_the_old_commit_whole(
    emptied: Path, whole: Contents
) -> None:
    damage(emptied / ".mvc", noise(0, 600))
    repair(emptied)
    (emptied / "m.safetensors").write_bytes(tensors(0))
    opened(emptied).add(["m.safetensors"])
    assert findings(emptied) == []
    assert contents(emptied) == whole


def test_adding_the_very_file_that_is_staged_brings_its_tensor_back(
    emptied: Path, whole: Contents
) -> None:
    """The file equals the stage: nothing changes, and yet all of it must be stored."""
    damage(emptied / ".mvc", noise(1, 600))
    assert any(step.lost for step in repair(emptied))
    (emptied / "m.safetensors").write_bytes(tensors(1))
    opened(emptied).status()
    opened(emptied).add(["m.safetensors"])
    assert findings(emptied) == []
    assert contents(emptied) == whole


def test_without_repair_damage_is_not_taken_to_be_there(emptied: Path) -> None:
    """Before a repair the index still names the object; adding does not help, and fsck says so."""
    damage(emptied / ".mvc", noise(1, 600))
    (emptied / "m.safetensors").write_bytes(tensors(1))
    opened(emptied).add(["m.safetensors"])
    assert findings(emptied)


def test_repair_takes_what_the_work_tree_still_has(history: Path, whole: Contents) -> None:
    damage(history / ".mvc", noise(1, 600))
    damage(history / ".mvc", noise(-1, 300))
    assert [step.where for step in repair(history, dry_run=True) if "gave back" in step.what]
    done = repair(history)
    assert any("gave back" in step.what and "m.safetensors" in step.where for step in done)
    assert not any(step.lost for step in done)
    assert findings(history) == [] and contents(history) == whole


@pytest.mark.parametrize("path", ["m.safetensors", "notes.txt", "deep/data.bin"])
def test_a_lost_blob_comes_back_from_the_work_tree(
    history: Path, whole: Contents, path: str
) -> None:
    _, blob = opened(history).snapshot()[path]
    place = loose(history / ".mvc", blob)
    place.chmod(0o644)
    place.write_bytes(place.read_bytes()[:-3])
    assert findings(history)
    assert not any(step.lost for step in repair(history))
    assert findings(history) == [] and contents(history) == whole


def test_the_list_of_staged_files_is_made_again(history: Path) -> None:
    stage = (history / ".mvc/refs/mvc/stage").read_text().strip()
    loose(history / ".mvc", stage).unlink()
    assert findings(history)
    assert not any(step.lost for step in repair(history))
    assert findings(history) == [] and opened(history).status().clean


def test_a_branch_whose_commit_is_lost_goes_back_to_its_last_whole_one(
    emptied: Path, whole: Contents
) -> None:
    tip = opened(emptied).resolve("topic")
    lose(emptied / ".mvc", f"objects/{tip[:2]}/{tip[2:]}")
    steps = repair(emptied)
    assert any(step.where == "refs/heads/topic" for step in steps)
    after = contents(emptied)
    assert after["topic"] == whole["main"] and after["main"] == whole["main"]
    assert any(tip in step.where + step.what for step in steps if step.lost)


def test_a_lost_commit_amid_history_is_named_and_the_rest_reads(
    emptied: Path, whole: Contents
) -> None:
    first = opened(emptied).resolve("main~1")
    lose(emptied / ".mvc", f"objects/{first[:2]}/{first[2:]}")
    steps = repair(emptied)
    assert any(first in step.what for step in steps if step.lost)
    repository = opened(emptied)
    assert b"".join(map(bytes, repository.read_file("m.safetensors", "main"))) == tensors(1)


def test_a_lost_operation_ends_the_log_and_nothing_else(emptied: Path, whole: Contents) -> None:
    newest = (emptied / ".mvc/refs/mvc/ops").read_text().strip()
    lose(emptied / ".mvc", f"objects/{newest[:2]}/{newest[2:]}")
    with pytest.raises(MvcError) as caught:
        opened(emptied).undo()
    assert "fsck" in (caught.value.hint or "")
    repair(emptied)
    assert contents(emptied) == whole
    repository = opened(emptied)
    assert len(list(repository.operations())) > 3
    repository.undo()


def test_all_packs_lost_leaves_a_list_of_what_is_lost(emptied: Path) -> None:
    each(emptied / ".mvc", "store/packs/*", Path.unlink)
    lost = [step for step in repair(emptied) if step.lost]
    names = "\n".join(step.where + step.what for step in lost)
    assert "the tensor 'a'" in names and "its skeleton" in names and "deep/data.bin" in names
    assert [step.lost for step in repair(emptied)] == [True] * len(lost)
    for step, content in (("v1", 0), ("v2", 1)):
        (emptied / "m.safetensors").write_bytes(tensors(content))
        opened(emptied).add(["m.safetensors"])
        assert b"".join(map(bytes, opened(emptied).read_file("m.safetensors", step)))


@pytest.fixture
def kindred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four versions of a tensor, each a little different: stored as differences to one another."""
    monkeypatch.setattr("mvc.store.fs._full_sync", lambda descriptor: None)
    repository = mvc.init(str(tmp_path), who=("Ada", "ada@example.org"))
    for step in range(4):
        data = bytearray(noise(5, 40_000))
        data[step * 8 : step * 8 + 4] = noise(step, 4)
        write = safetensors({"w": ("F32", [10_000], bytes(data))})
        (tmp_path / "m.safetensors").write_bytes(write)
        repository.add(["."])
        repository.commit(f"step {step}")
        repository.tags.create(f"v{step}")
    packs = (tmp_path / ".mvc/store/packs").iterdir()
    assert min(pack.stat().st_size for pack in packs) < 20_000, "none is stored as a difference"
    (tmp_path / "m.safetensors").unlink()
    return tmp_path


def test_differences_outlive_damage_to_the_packs_that_hold_their_bases(kindred: Path) -> None:
    before = contents(kindred)
    each(kindred / ".mvc", "store/packs/*", lambda pack: flip(pack, 3))
    each(kindred / ".mvc", "store/index/*", Path.unlink)
    assert not any(step.lost for step in repair(kindred))
    assert findings(kindred) == [] and contents(kindred) == before


def test_differences_to_a_lost_tensor_are_lost_with_it_and_come_back_with_their_files(
    kindred: Path,
) -> None:
    before = contents(kindred)
    damage(kindred / ".mvc", noise(5, 40_000)[20_000:20_200])
    lost = [step for step in repair(kindred) if step.lost]
    assert lost and all("the tensor 'w'" in step.what for step in lost)
    for files in before.values():
        (kindred / "m.safetensors").write_bytes(files["m.safetensors"])
        opened(kindred).add(["m.safetensors"])
    assert findings(kindred) == [] and contents(kindred) == before
