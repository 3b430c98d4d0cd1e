"""The fault twin itself: it finds the classic mistakes, and lets the right protocol pass."""

from __future__ import annotations

import errno
import inspect
import os

import pytest
from faults.crash_states import FULL, Budget, crash_states
from faults.harness import BrokenPromise, explore, scratch
from faults.recording import FailingDisk, RecordingDisk, WatchedDisk, WatchedFile
from faults.trace import Entry, read_tree
from faults.volume import Fate, Volume
from hypothesis import assume, given
from hypothesis import strategies as st

from mvc.errors import OutOfSpace, StorageError
from mvc.store.fs import Disk, File

OLD, NEW = b"old" * 700, b"new!" * 900


def holds(root: str, name: str) -> bytes | None:
    try:
        with open(os.path.join(root, name), "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def put(name: str, data: bytes):
    def prepare(root: str, disk: Disk) -> None:
        disk.write_whole(os.path.join(root, name), data)

    return prepare


def old_or_new(root, acknowledged):
    found = holds(root, "ref")
    assert found in (OLD, NEW)
    assert found == NEW or not acknowledged


def test_write_whole_gives_the_old_bytes_or_the_new_and_keeps_what_was_acknowledged():
    def scenario(root, disk):
        disk.write_whole(os.path.join(root, "ref"), NEW)
        disk.acknowledge("written")

    summary = explore(scenario, old_or_new, prepare=put("ref", OLD), budget=FULL)
    # The old one; beside it the temporary file empty, torn, zeroed and whole; the new one, then told.
    assert summary.states == 7


def test_a_rename_before_the_fsync_is_caught():
    def scenario(root, disk):
        with disk.create(os.path.join(root, "tmp")) as file:
            file.write(NEW)
        disk.replace(os.path.join(root, "tmp"), os.path.join(root, "ref"))

    with pytest.raises(BrokenPromise, match=r"dropped +write 3600 bytes at 0 of tmp"):
        explore(scenario, old_or_new, prepare=put("ref", OLD))


def test_a_folder_that_is_not_synced_loses_the_name():
    def scenario(root, disk):
        with disk.create(os.path.join(root, "ref")) as file:
            file.write(NEW)
            file.sync()
        disk.acknowledge("written")

    def still_there(root, acknowledged):
        assert not acknowledged or holds(root, "ref") == NEW

    with pytest.raises(BrokenPromise, match=r"dropped +create ref"):
        explore(scenario, still_there)


def test_a_synced_file_in_a_folder_whose_own_name_is_not_synced_is_lost():
    def scenario(root, disk):
        for folder in ("a", "a/b"):
            disk._make_one_folder(os.path.join(root, folder))
        disk.write_whole(os.path.join(root, "a", "b", "ref"), NEW)
        disk.sync_folder(os.path.join(root, "a"))
        disk.acknowledge("written")

    def still_there(root, acknowledged):
        assert not acknowledged or holds(root, "a/b/ref") == NEW

    with pytest.raises(BrokenPromise, match=r"dropped +make folder a\n"):
        explore(scenario, still_there)


def test_a_new_folder_is_durable_and_so_is_an_empty_one_that_a_killed_process_left():
    def scenario(root, disk):
        disk._make_one_folder(os.path.join(root, "a"))
        disk.make_folder(os.path.join(root, "a"))
        disk.make_folder(os.path.join(root, "b", "c"))
        disk.acknowledge("made")

    def still_there(root, acknowledged):
        for name in ("a", "b/c"):
            assert not acknowledged or os.path.isdir(os.path.join(root, name))

    explore(scenario, still_there, budget=FULL)


def test_writing_in_place_is_caught_torn():
    def scenario(root, disk):
        disk.append(os.path.join(root, "ref"), NEW)

    def whole(root, acknowledged):
        assert holds(root, "ref") in (OLD, OLD + NEW)

    with pytest.raises(BrokenPromise, match=r"torn +write"):
        explore(scenario, whole, prepare=put("ref", OLD))


def test_an_append_loses_nothing_that_was_there_and_keeps_what_was_acknowledged():
    def scenario(root, disk):
        for data in (b"one\n", b"two\n"):
            disk.append(os.path.join(root, "log"), data)
            disk.acknowledge("appended", data)

    def check(root, acknowledged):
        found = holds(root, "log") or b""
        assert found.startswith(b"".join(mark.payload for mark in acknowledged))

    assert explore(scenario, check, budget=FULL).states >= 8


def test_two_renames_may_reach_the_disk_in_either_order():
    def scenario(root, disk):
        for name in ("first", "second"):
            disk.replace(os.path.join(root, f"{name}.tmp"), os.path.join(root, name))

    def prepare(root, disk):
        put("first.tmp", NEW)(root, disk)
        put("second.tmp", NEW)(root, disk)

    def in_order(root, acknowledged):
        assert holds(root, "first") or not holds(root, "second")

    with pytest.raises(BrokenPromise, match=r"dropped +rename first.tmp to first"):
        explore(scenario, in_order, prepare=prepare)


def test_a_rename_across_folders_needs_both_folders_synced():
    def prepare(root, disk):
        for folder in ("incoming", "packs"):
            disk.make_folder(os.path.join(root, folder))
        put("incoming/p", NEW)(root, disk)

    def scenario(root, disk):
        disk.replace(os.path.join(root, "incoming", "p"), os.path.join(root, "packs", "p"))
        disk.sync_folder(os.path.join(root, "incoming"))

    seen = set()

    def note(root, acknowledged):
        seen.add((holds(root, "incoming/p") == NEW, holds(root, "packs/p") == NEW))

    explore(scenario, note, prepare=prepare)
    assert seen == {(True, False), (True, True), (False, True), (False, False)}


def test_syncing_a_folder_does_not_sync_the_files_in_it():
    def scenario(root, disk):
        with disk.create(os.path.join(root, "ref")) as file:
            file.write(NEW)
        disk.sync_folder(root)
        disk.acknowledge("written")

    def still_there(root, acknowledged):
        assert not acknowledged or holds(root, "ref") == NEW

    with pytest.raises(BrokenPromise, match=r"zeroed +write|torn +write|dropped +write"):
        explore(scenario, still_there)


def test_a_change_behind_the_disks_back_is_noticed():
    def scenario(root, disk):
        with open(os.path.join(root, "sly"), "wb"):
            pass

    with pytest.raises(BrokenPromise, match="not through the Disk: sly"):
        explore(scenario, lambda root, acknowledged: None)


def test_a_change_outside_the_root_is_refused(tmp_path):
    with scratch() as root, pytest.raises(AssertionError, match="lies outside"):
        RecordingDisk(root).write_whole(str(tmp_path / "x"), b"")


def test_every_way_to_change_the_disk_is_watched():
    # made of the others
    composed = {"create", "append", "write_whole", "make_folder", "clear_empty"}
    changes_nothing = {"close"}
    for real, watched, apart in (
        (Disk, WatchedDisk, composed),
        (File, WatchedFile, changes_nothing),
    ):
        ways = {name for name, member in vars(real).items() if inspect.isfunction(member)}
        ways -= {name for name in ways if name.startswith("__")}
        assert ways - apart <= set(vars(watched))


def test_a_write_is_whole_lost_torn_or_zeros():
    with scratch() as root:
        disk = RecordingDisk(root)
        with disk.create(os.path.join(root, "f")) as file:
            file.write(b"x" * 2048)
    found = [state.tree["f"].content for state in crash_states({}, disk.trace) if state.tree]
    assert sorted(found) == sorted([b"", b"x" * 2048, b"x" * 1024, b"\0" * 2048])


names = st.sampled_from(["a", "b", "d/a", "d/b", "e/a"])
actions = st.one_of(
    st.tuples(st.just("write_whole"), names, st.binary(max_size=40)),
    st.tuples(st.just("append"), names, st.binary(max_size=40)),
    st.tuples(st.just("replace"), names, names),
    st.tuples(st.just("remove"), names),
    st.tuples(st.just("scatter"), names, st.binary(min_size=2, max_size=40)),
    st.tuples(st.just("set_mode"), names, st.sampled_from([0o644, 0o755])),
    st.tuples(st.just("sync_folder"), st.sampled_from(["", "d", "e"])),
    st.tuples(st.just("remove_folder"), st.sampled_from(["d", "e"])),
)


def perform(disk: RecordingDisk, action: tuple) -> None:
    kind, target, *rest = action
    path = os.path.join(disk.root, target)
    disk.make_folder(os.path.dirname(path) if kind != "sync_folder" else path)
    if kind in ("remove", "write_whole", "append", "sync_folder", "remove_folder"):
        getattr(disk, kind)(path, *rest)
    elif kind == "scatter":
        disk.remove(path)
        with disk.create(path) as file:
            file.truncate(len(rest[0]) + 3)
            for position in reversed(range(len(rest[0]))):
                file.write_at(rest[0][position : position + 1], position)
            file.truncate(len(rest[0]) - 1)
    elif os.path.exists(path) and kind == "set_mode":
        disk.set_mode(path, *rest)
    elif os.path.exists(path):
        disk.make_folder(os.path.dirname(os.path.join(disk.root, rest[0])))
        disk.replace(path, os.path.join(disk.root, rest[0]))


@given(st.lists(actions, max_size=10), st.lists(actions, max_size=6))
def test_the_whole_trace_with_every_effect_kept_is_the_real_tree(before, during):
    with scratch() as root:
        first = RecordingDisk(root)
        for action in before:
            perform(first, action)
        disk = RecordingDisk(root)
        for action in during:
            perform(disk, action)
        volume = Volume.holding(disk.start)
        for step in disk.trace:
            volume.apply(step)
        assert volume.after([Fate.KEPT] * len(volume.pending)) == read_tree(root)


@given(st.lists(actions, max_size=3), st.data())
def test_a_sampled_state_is_one_of_the_exhaustive_ones(during, data):
    with scratch() as root:
        disk = RecordingDisk(root)
        for action in during:
            perform(disk, action)
    trace = disk.trace[: data.draw(st.integers(0, len(disk.trace)))]
    volume = Volume.holding(disk.start)
    for step in trace:
        volume.apply(step)
        assume(len(volume.pending) <= 4)
    few, everything = Budget(exhaustive=0, random=2), Budget(exhaustive=4**4)
    whole = [state.tree for state in crash_states(disk.start, trace, everything)]
    assert all(state.tree in whole for state in crash_states(disk.start, trace, few))


def test_a_state_comes_back_from_the_disk_as_it_was_described():
    tree = {
        "d": Entry(0o755, None),
        "d/run": Entry(0o755, b"#!"),
        "x": Entry(0o600, b"\0" * 10),
    }
    state = next(crash_states(tree, []))
    with scratch() as root:
        state.materialise(root)
        assert read_tree(root) == tree
    assert "nothing was pending" in state.describe()


def test_a_failing_disk_strikes_once_at_the_place_it_was_told():
    with scratch() as root:
        counting = FailingDisk(root, None, errno.ENOSPC)
        counting.write_whole(os.path.join(root, "ref"), NEW)
        places = len(counting.actions)
        assert places == 5  # open, write, sync, replace, sync_folder
        for place in range(places):
            put("ref", OLD)(root, Disk())
            disk = FailingDisk(root, place, errno.ENOSPC)
            with pytest.raises(StorageError):
                disk.write_whole(os.path.join(root, "ref"), NEW)
            assert holds(root, "ref") == (OLD if place < places - 1 else NEW)
            assert os.listdir(root) == ["ref"]


def test_a_write_to_a_full_disk_leaves_half_of_the_bytes():
    with scratch() as root:
        disk = FailingDisk(root, 1, errno.ENOSPC, forever=True)
        with pytest.raises(OutOfSpace), disk.create(os.path.join(root, "ref")) as file:
            file.write(NEW)
        assert holds(root, "ref") == NEW[: len(NEW) // 2]
        disk.remove(os.path.join(root, "ref"))
        with pytest.raises(OutOfSpace):
            disk.create(os.path.join(root, "ref"))
