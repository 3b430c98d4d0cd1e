"""Moving the work tree: Git's two-tree rules, and no unsaved byte is ever lost."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worktree.work import Work, model, scratch

from mvc.errors import CorruptPack, DirtyWorktree, IntegrityError, OutOfSpace, UsageError
from mvc.history.manifest import Manifest
from mvc.history.snapshot import Snapshot
from mvc.ids import BlobId, object_id
from mvc.store.fs import Disk, File
from mvc.worktree import checkout, compare
from mvc.worktree.checkout import switch_files
from mvc.worktree.status import status

A, B, C = model(1), model(2), model(3)


def leftovers(work: Work) -> list[str]:
    return os.listdir(os.path.join(work.context.folder, "tmp"))


def test_a_clean_work_tree_becomes_the_new_one(work: Work) -> None:
    old = work.snapshot({"same": A, "edit": A, "gone/deep/x": A})
    new = work.snapshot({"same": A, "edit": B, "new/deep/y": C})
    switch_files(work.context, Snapshot(work.context.git, {}), old)
    inode = (work.root / "same").stat().st_ino
    switch_files(work.context, old, new)
    assert work.files() == {"same": A, "edit": B, "new/deep/y": C}
    assert not (work.root / "gone").exists()
    assert (work.root / "same").stat().st_ino == inode
    assert leftovers(work) == []


# What a path can be, in each of old, new and the work tree: nothing, or one of three contents.
WAYS = st.sampled_from([None, A, B, C])


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from("pqrst"), st.tuples(WAYS, WAYS, WAYS), max_size=4))
def test_it_follows_gits_two_tree_rules(
    paths: dict[str, tuple[bytes | None, bytes | None, bytes | None]],
) -> None:
    def blocks(old: bytes | None, new: bytes | None, here: bytes | None) -> bool:
        return old != new and here is not None and here not in (old, new)

    with scratch() as work:
        old = work.snapshot({p: o for p, (o, _, _) in paths.items() if o is not None})
        new = work.snapshot({p: n for p, (_, n, _) in paths.items() if n is not None})
        here = {p: h for p, (_, _, h) in paths.items() if h is not None}
        for path, data in here.items():
            work.write(path, data)
        if any(blocks(*ways) for ways in paths.values()):
            with pytest.raises(DirtyWorktree):
                switch_files(work.context, old, new)
            assert work.files() == here
        else:
            switch_files(work.context, old, new)
            expected = {p: h if o == n else n for p, (o, n, h) in paths.items()}
            assert work.files() == {p: data for p, data in expected.items() if data is not None}
        assert leftovers(work) == []


@settings(max_examples=30)
@given(st.dictionaries(st.sampled_from("pqrst"), st.tuples(WAYS, WAYS, WAYS), max_size=4))
def test_force_gives_up_changes_of_tracked_files_and_never_untracked_ones(
    paths: dict[str, tuple[bytes | None, bytes | None, bytes | None]],
) -> None:
    with scratch() as work:
        old = work.snapshot({p: o for p, (o, _, _) in paths.items() if o is not None})
        new = work.snapshot({p: n for p, (_, n, _) in paths.items() if n is not None})
        here = {p: h for p, (_, _, h) in paths.items() if h is not None}
        for path, data in here.items():
            work.write(path, data)
        if any(o is None and n is not None and h not in (None, n) for o, n, h in paths.values()):
            with pytest.raises(DirtyWorktree, match="untracked"):
                switch_files(work.context, old, new, force=True)
            assert work.files() == here
        else:
            switch_files(work.context, old, new, force=True)
            expected = {p: h if o is None and n is None else n for p, (o, n, h) in paths.items()}
            assert work.files() == {p: data for p, data in expected.items() if data is not None}


def switched(work: Work, old: dict[str, bytes], new: dict[str, bytes]) -> tuple[Snapshot, Snapshot]:
    """Both snapshots; the work tree is at ``old``."""
    before, after = work.snapshot(old), work.snapshot(new)
    switch_files(work.context, Snapshot(work.context.git, {}), before)
    return before, after


def test_the_refusal_lists_the_files_and_what_to_do(work: Work) -> None:
    old, new = switched(work, {"a": A, "b": A}, {"a": B, "b": B})
    work.write("a", C)
    with pytest.raises(DirtyWorktree, match="local changes") as caught:
        switch_files(work.context, old, new)
    assert caught.value.message.endswith(":\n\ta")
    assert caught.value.hint is not None
    assert work.files() == {"a": C, "b": A}


def test_only_the_given_paths_move(work: Work) -> None:
    old, new = switched(work, {"a": A, "b": A}, {"a": B, "b": B})
    switch_files(work.context, old, new, paths=["a"])
    assert work.files() == {"a": B, "b": A}


def test_doing_it_again_is_harmless(work: Work) -> None:
    old, new = switched(work, {"a": A, "gone": A}, {"a": B, "new": C})
    switch_files(work.context, old, new)
    inode = (work.root / "a").stat().st_ino
    switch_files(work.context, old, new)
    assert work.files() == {"a": B, "new": C}
    assert (work.root / "a").stat().st_ino == inode


def test_modes_come_along_and_alone(work: Work) -> None:
    old = work.snapshot({"run": (A, 0o755), "plain": (A, 0o644)})
    new = work.snapshot({"run": (A, 0o644), "plain": (B, 0o755)})
    switch_files(work.context, Snapshot(work.context.git, {}), old)
    inode = (work.root / "run").stat().st_ino
    switch_files(work.context, old, new)
    modes = {name: stat.S_IMODE((work.root / name).stat().st_mode) for name in ("run", "plain")}
    umask = os.umask(0)
    os.umask(umask)
    assert modes == {"run": 0o666 & ~umask, "plain": 0o777 & ~umask}
    assert (work.root / "run").stat().st_ino == inode
    switch_files(work.context, new, old)
    assert (work.root / "run").stat().st_mode & stat.S_IXUSR


def test_a_changed_mode_is_unsaved_work_too(work: Work) -> None:
    old, new = switched(work, {"a": A}, {"a": B})
    (work.root / "a").chmod(0o755)
    with pytest.raises(DirtyWorktree):
        switch_files(work.context, old, new)


def test_a_file_becomes_a_folder_and_back(work: Work) -> None:
    old, new = switched(work, {"x": A, "y/1": A, "y/2/3": B}, {"x/1": B, "x/2/3": C, "y": C})
    switch_files(work.context, old, new)
    assert work.files() == {"x/1": B, "x/2/3": C, "y": C}
    switch_files(work.context, new, old)
    assert work.files() == {"x": A, "y/1": A, "y/2/3": B}


def test_an_untracked_file_in_a_folder_that_must_go_stays(work: Work) -> None:
    old, new = switched(work, {"y/1": A}, {"y": C})
    work.write("y/mine", B)
    for force in (False, True):
        with pytest.raises(DirtyWorktree, match="y/mine"):
            switch_files(work.context, old, new, force=force)
    assert work.files() == {"y/1": A, "y/mine": B}


def test_an_untracked_file_where_a_folder_must_be_stays(work: Work) -> None:
    old, new = switched(work, {}, {"x/1": A})
    work.write("x", B)
    for force in (False, True):
        with pytest.raises(DirtyWorktree, match=r"\tx$"):
            switch_files(work.context, old, new, force=force)
    assert work.files() == {"x": B}


def test_empty_folders_are_not_in_the_way(work: Work) -> None:
    old, new = switched(work, {}, {"x": A})
    (work.root / "x" / "empty").mkdir(parents=True)
    switch_files(work.context, old, new)
    assert work.files() == {"x": A}


@pytest.mark.parametrize("force", [False, True])
def test_nothing_is_written_through_a_linked_folder(work: Work, force: bool) -> None:
    old, new = switched(work, {"sub/a": A}, {"sub/a": B})
    outside = work.root.parent / "outside"
    (work.root / "sub").rename(outside)
    (work.root / "sub").symlink_to(outside)
    with pytest.raises(UsageError, match="beyond a symbolic link"):
        switch_files(work.context, old, new, force=force)
    assert (outside / "a").read_bytes() == A


def test_nothing_is_removed_through_a_linked_folder(work: Work) -> None:
    old, new = switched(work, {"sub/a": A}, {})
    outside = work.root.parent / "outside"
    (work.root / "sub").rename(outside)
    (work.root / "sub").symlink_to(outside)
    switch_files(work.context, old, new, force=True)
    assert (outside / "a").read_bytes() == A


def test_a_link_in_a_files_place_is_replaced_not_followed(work: Work) -> None:
    old, new = switched(work, {"a": A}, {"a": B})
    outside = work.root.parent / "outside"
    outside.write_bytes(A)
    (work.root / "a").unlink()
    (work.root / "a").symlink_to(outside)
    with pytest.raises(DirtyWorktree):
        switch_files(work.context, old, new)
    switch_files(work.context, old, new, force=True)
    assert not (work.root / "a").is_symlink()
    assert (work.read("a"), outside.read_bytes()) == (B, A)


def test_a_file_saved_while_the_checkout_is_prepared_is_kept(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = switched(work, {"a": A, "b": A}, {"a": B, "b": B})
    real = checkout.rebuild

    def rebuild(*arguments: Any, **more: Any) -> object:
        work.write("b", C)
        return real(*arguments, **more)

    monkeypatch.setattr(checkout, "rebuild", rebuild)
    with pytest.raises(DirtyWorktree, match="changed while"):
        switch_files(work.context, old, new)
    assert work.files() == {"a": A, "b": C}
    assert leftovers(work) == []


def test_a_full_disk_leaves_everything_as_it_was(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = switched(work, {"a": A, "b": A}, {"a": B, "b": B})
    created: list[str] = []
    real = Disk.create

    def create(disk: Disk, path: str, mode: int = 0o644) -> object:
        created.append(path)
        if len(created) == 2:
            raise OutOfSpace("no room", hint=os.strerror(errno.ENOSPC))
        return real(disk, path, mode)

    monkeypatch.setattr(Disk, "create", create)
    with pytest.raises(OutOfSpace):
        switch_files(work.context, old, new)
    assert work.files() == {"a": A, "b": A}
    assert leftovers(work) == []


def test_a_damaged_store_leaves_everything_as_it_was(work: Work) -> None:
    old, new = switched(work, {"m.safetensors": A}, {"m.safetensors": B})
    for pack in Path(work.context.folder, "store", "packs").iterdir():
        data = bytearray(pack.read_bytes())
        data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
        pack.write_bytes(data)
    with pytest.raises(IntegrityError):
        switch_files(work.fresh(), old, new)
    assert work.files() == {"m.safetensors": A}
    assert leftovers(work) == []


def test_every_file_is_synced_before_any_is_renamed(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = switched(work, {"a": A, "sub/b": A}, {"a": B, "sub/b": B})
    steps: list[str] = []
    sync, replace, folder = File.sync, Disk.replace, Disk.sync_folder

    def note(step: str, path: str) -> None:
        if not path.startswith(work.context.folder):
            steps.append(step)

    monkeypatch.setattr(File, "sync", lambda file: steps.append("sync") or sync(file))
    monkeypatch.setattr(
        Disk, "replace", lambda disk, *paths: note("rename", paths[1]) or replace(disk, *paths)
    )
    monkeypatch.setattr(
        Disk, "sync_folder", lambda disk, path: note("folder", path) or folder(disk, path)
    )
    switch_files(work.context, old, new)
    assert steps == ["sync", "sync", "rename", "rename", "folder", "folder"]


def test_what_was_written_need_not_be_read_again(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    from worktree.work import settle

    from mvc.worktree import index

    switched(work, {}, {})
    files = work.snapshot({"a.safetensors": A, "b.txt": b"text"})
    switch_files(work.context, work.staged(), files)
    work.stage(files)
    index.refresh(work.context)
    settle(work)
    monkeypatch.setattr(compare, "open_file", lambda *_: pytest.fail("a file was read"))
    assert status(work.fresh()).unstaged == ()


@pytest.mark.parametrize("path", ["../evil", ".git/hooks/x", ".mvc/HEAD", "a/../../b", "/etc/x"])
def test_a_tree_with_a_hostile_path_writes_nothing(work: Work, path: str) -> None:
    good = work.snapshot({"a": A})
    evil = Snapshot(work.context.git, {path: good["a"]})
    with pytest.raises(UsageError):
        switch_files(work.context, Snapshot(work.context.git, {}), evil)
    assert work.files() == {}


def test_a_tree_with_a_link_or_a_submodule_is_refused(work: Work) -> None:
    good = work.snapshot({"a": A})
    for mode in (0o120000, 0o160000):
        evil = Snapshot(work.context.git, {"a": (mode, good["a"][1])})
        with pytest.raises(CorruptPack):
            switch_files(work.context, Snapshot(work.context.git, {}), evil)


def test_a_manifest_at_odds_with_its_objects_is_refused(work: Work) -> None:
    work.snapshot({"a.bin": b"\0\1\2"})
    manifest = Manifest("bytes", 1 << 60, content=object_id(b"\0\1\2"))
    objects = work.context.writer()
    blob: BlobId = objects.blob(manifest.encode())
    objects.flush()
    evil = Snapshot(work.context.git, {"a.bin": (0o100644, blob)})
    with pytest.raises(CorruptPack, match=r"a\.bin"):
        switch_files(work.context, Snapshot(work.context.git, {}), evil)
    assert work.files() == {}
    assert leftovers(work) == []


def test_progress_ends_at_the_total(work: Work) -> None:
    _, new = switched(work, {}, {"a.safetensors": model(4, rows=3000), "b.txt": b"text"})
    steps: list[tuple[str, int, int]] = []
    switch_files(work.context, work.staged(), new, progress=lambda *step: steps.append(step))
    assert steps[-1] == ("checkout", steps[-1][2], sum(map(len, work.files().values())))


def test_what_a_killed_checkout_left_is_cleared_by_the_next(work: Work) -> None:
    work.write("m.bin", model(1))
    work.add("m.bin")
    left_over = work.root / ".mvc" / "tmp" / "0123456789abcdef"
    left_over.write_bytes(b"half a file")
    work.write("m.bin", model(2))
    staged = work.staged()
    with work.context.disk.lock(str(work.root / ".mvc" / "locks" / "checkout"), shared=True):
        switch_files(work.context, staged, staged, force=True, paths=["m.bin"])
        assert left_over.exists()  # another checkout may be writing it
    work.write("m.bin", model(2))
    switch_files(work.context, staged, staged, force=True, paths=["m.bin"])
    assert not left_over.exists() and work.read("m.bin") == model(1)
