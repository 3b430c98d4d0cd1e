"""fsck finds what is wrong and says where; a whole repository gives it nothing to say."""

from __future__ import annotations

from pathlib import Path

import pytest

from mvc.history.gitobjects import FILE_MODE
from mvc.history.record import PATH, Record
from mvc.history.refs import STAGE
from mvc.history.transaction import transaction
from mvc.ids import ObjectId
from mvc.maintenance.finding import Finding
from mvc.opening import open_damaged
from mvc.repository import Repository


def check(repository: Repository, *, full: bool = False) -> list[Finding]:
    return list(open_damaged(repository.root).fsck(full=full))


def text(findings: list[Finding]) -> str:
    return "\n".join(f"{finding.where}: {finding.message}" for finding in findings)


@pytest.mark.parametrize("full", [False, True])
def test_a_whole_repository_has_no_findings(repository: Repository, full: bool) -> None:
    repository.tags.create("v1", message="one")
    repository.tags.delete("v1")
    repository.undo()
    assert check(repository, full=full) == []


def test_a_missing_pack_is_noticed_with_commit_and_path(repository: Repository) -> None:
    folder = Path(repository.folder, "store")
    for file in [*(folder / "packs").iterdir(), *(folder / "index").iterdir()]:
        file.unlink()
    found = text(check(repository))
    assert "m.safetensors" in found and "is missing" in found


def test_a_flipped_byte_of_a_tensor_is_noticed_without_decoding(repository: Repository) -> None:
    packs = Path(repository.folder, "store", "packs").iterdir()
    pack = next(pack for pack in packs if b"same" in pack.read_bytes())
    pack.chmod(0o644)
    pack.write_bytes(pack.read_bytes().replace(b"same", b"SAME"))
    found = text(check(repository))
    assert "store/packs/" in found and "m.safetensors: the tensor 'a'" in found


def test_a_missing_git_object_is_noticed(repository: Repository) -> None:
    commit = repository.read_commit()
    Path(repository.folder, "objects", commit.tree[:2], commit.tree[2:]).unlink()
    assert commit.tree in text(check(repository))


def test_a_cut_off_git_object_is_noticed(repository: Repository) -> None:
    _, blob = repository.snapshot()["m.safetensors"]
    path = Path(repository.folder, "objects", blob[:2], blob[2:])
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-5])
    assert "m.safetensors" in text(check(repository))


def test_weights_that_do_not_fit_the_record_are_noticed(repository: Repository) -> None:
    lying = Record("commit", ObjectId("ab" * 32))
    with transaction(repository._context, "test", None) as current:
        files = dict(repository.snapshot())
        blob = current.objects.blob(lying.encode())
        tree = current.objects.files({**files, PATH: (FILE_MODE, blob)})
        made = current.objects.commit(tree, [], current.who, current.who, "no trailer\n")
        current.move("refs/heads/lying", made)
    found = text(check(repository))
    assert "its weights hash to" in found and "does not carry the Merkle root" in found


@pytest.mark.parametrize("path", ["../up", ".git/config", "con", "a:b"])
def test_a_path_that_must_not_be_written_is_noticed(repository: Repository, path: str) -> None:
    with transaction(repository._context, "test", None) as current:
        blob = current.objects.blob(b"x")
        current.move(STAGE, current.objects.files({path: (FILE_MODE, blob)}))
    assert "the stage" in text(check(repository))
