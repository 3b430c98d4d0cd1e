"""A file that begins as a clone of the one it replaces is exact whatever that held, and costs what changed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worktree.work import Work, safetensors

from mvc.errors import HashMismatch
from mvc.history.snapshot import Snapshot
from mvc.ids import ObjectId
from mvc.store.fs import Disk, File
from mvc.store.store import Store
from mvc.worktree import sharing
from mvc.worktree.checkout import switch_files

PATH = "model.safetensors"
NAMES = "abcd"
ROWS = 3000  # 12,000 bytes: a tensor begins and ends in the middle of a page


class SharingFile(File):
    """Shares as on Btrfs or XFS, as far as anybody can see."""

    def clone(self, source: str) -> bool:
        shutil.copyfile(source, self.path)
        return True


class AloneFile(File):
    """Shares with nobody."""

    def clone(self, source: str) -> bool:
        return False


class SharingDisk(Disk):
    """The disk that hands such files out."""

    kind: type[File] = SharingFile

    def create(self, path: str, mode: int = 0o644) -> File:
        real = super().create(path, mode)
        return self.kind(path, real._descriptor)


class AloneDisk(SharingDisk):
    """Any other."""

    kind = AloneFile


@pytest.fixture(autouse=True)
def tensors_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "_SMALLEST", 1)


def test_a_clone_is_the_regular_file_or_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 10_000)
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    for name in ("file", "link", "folder", "fifo", "missing"):
        with Disk().create(str(tmp_path / f"new {name}")) as file:
            cloned = file.clone(str(tmp_path / name))
        assert not cloned or name == "file"
        expected = b"x" * 10_000 if cloned else b""
        assert (tmp_path / f"new {name}").read_bytes() == expected


def model(seeds: Sequence[int], note: str = "") -> bytes:
    """A tensor for each seed, and a header that is longer with the note."""
    tensors = {
        name: ("F32", [ROWS], bytes((seed * 31 + n * n) % 251 for n in range(4 * ROWS)))
        for name, seed in zip(NAMES, seeds, strict=False)
    }
    return safetensors(tensors, {"note": note} if note else None)


def switched(root: Path, old: bytes, new: bytes, here: bytes) -> bytes:
    """The file after a forced switch from ``old`` to ``new`` while the work tree has ``here``."""
    work = Work(root, SharingDisk())
    snapshots = [work.snapshot({PATH: data}) for data in (old, new)]
    work.write(PATH, here)
    switch_files(work.context, *snapshots, force=True)
    assert os.listdir(Path(work.context.folder, "tmp")) == []
    return work.read(PATH)


MODELS = st.builds(
    model, st.lists(st.integers(0, 2), min_size=1, max_size=4), st.sampled_from(["", "x" * 99])
)


@settings(max_examples=12)
@given(MODELS, MODELS, MODELS | st.binary(max_size=40_000))
def test_the_file_is_exact_whatever_lay_there(
    tmp_path_factory: pytest.TempPathFactory, old: bytes, new: bytes, here: bytes
) -> None:
    assert switched(tmp_path_factory.mktemp("w"), old, new, here) == new


def test_one_flipped_bit_in_what_could_be_shared_is_mended(tmp_path: Path) -> None:
    old, new = model([1, 2, 3]), model([1, 2, 4])
    torn = bytearray(old)
    torn[len(old) // 2] ^= 1
    assert switched(tmp_path, old, new, bytes(torn)) == new


def extracted(monkeypatch: pytest.MonkeyPatch) -> list[ObjectId]:
    """The objects that are taken out of the store from now on."""
    found: list[ObjectId] = []
    extract = Store.extract

    def watched(
        self: Store,
        items: Sequence[tuple[ObjectId, int]],
        write_at: Callable[[memoryview, int], None],
    ) -> None:
        found.extend(id_ for id_, _ in items)
        extract(self, items, write_at)

    monkeypatch.setattr(Store, "extract", watched)
    return found


@pytest.mark.parametrize(("disk", "read"), [(SharingDisk(), 1), (AloneDisk(), 4)])
def test_only_what_changed_comes_out_of_the_store_where_blocks_are_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disk: Disk, read: int
) -> None:
    work = Work(tmp_path, disk)
    old, new = (work.snapshot({PATH: model([1, 2, 3, last])}) for last in (4, 5))
    switch_files(work.context, Snapshot(work.context.git, {}), old)
    found = extracted(monkeypatch)
    switch_files(work.context, old, new)
    assert len(found) == read
    assert work.read(PATH) == model([1, 2, 3, 5])


def test_a_clone_that_cannot_be_read_is_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(5, "Input/output error")

    old, new = model([1, 2, 3]), model([1, 2, 4])
    monkeypatch.setattr(sharing, "_hash", refuse)
    assert switched(tmp_path, old, new, old) == new


def test_damage_of_the_old_version_in_the_store_does_not_keep_the_new_one_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work(tmp_path, SharingDisk())
    old, new = (work.snapshot({PATH: data}) for data in (model([1, 2]), model([1, 3], "longer")))
    switch_files(work.context, Snapshot(work.context.git, {}), old)
    manifest = old.manifest(PATH)
    assert manifest is not None
    read = Store.read

    def damaged(self: Store, id_: ObjectId) -> bytes:
        if id_ == manifest.skeleton:
            raise HashMismatch("damaged")
        return read(self, id_)

    monkeypatch.setattr(Store, "read", damaged)
    switch_files(work.context, old, new, force=True)
    assert work.read(PATH) == model([1, 3], "longer")
