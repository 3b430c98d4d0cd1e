"""The writer: deduplicates, publishes at once or not at all, cleans up after the dead."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mvc.errors import DecodeMismatch, Locked, MvcError
from mvc.ids import object_id
from mvc.store.codecs import planes, zstd
from mvc.store.codecs import raw as raw_codec
from mvc.store.fs import Disk, File
from mvc.store.source import BytesSource, FileSpan, Incoming
from mvc.store.store import Store

NOISE = np.random.default_rng(9).bytes(60_000)


def names(root: str, folder: str) -> list[str]:
    return sorted(os.listdir(os.path.join(root, folder)))


def put(store: Store, *contents: bytes) -> None:
    with store.writer() as writer:
        for data in contents:
            writer.put(data)
        writer.publish()


class CountingDisk(Disk):
    """Counts fsyncs."""

    def __init__(self) -> None:
        self.syncs = 0

    def create(self, path: str, mode: int = 0o644) -> File:
        disk = self

        class CountingFile(File):
            def sync(self) -> None:
                disk.syncs += 1
                super().sync()

        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
        return CountingFile(path, os.open(path, os.O_WRONLY))

    def sync_folder(self, path: str) -> None:
        self.syncs += 1
        super().sync_folder(path)


def test_equal_objects_are_stored_once(store: Store, root: str, small_window: int) -> None:
    items = [Incoming(BytesSource(data)) for data in (NOISE, b"a", NOISE, b"a", b"b")]
    with store.writer() as writer:
        ids = writer.add(items)
        assert writer.put(NOISE) == ids[0]
        report = writer.publish()
    assert ids == [object_id(item.source.data) for item in items]  # type: ignore[attr-defined]
    assert (report.objects, report.new_objects) == (6, 3)
    assert (report.raw_bytes, report.new_raw_bytes) == (180_003, 60_002)
    (name,) = names(root, "packs")
    assert report.stored_bytes == os.path.getsize(os.path.join(root, "packs", name))


def test_what_the_store_holds_is_not_stored_again(
    store: Store, reopen: Callable[[], Store], root: str, small_window: int
) -> None:
    put(store, NOISE, b"a")
    with reopen().writer() as writer:
        writer.add([Incoming(BytesSource(NOISE)), Incoming(BytesSource(b"a"))])
        report = writer.publish()
    assert (report.objects, report.new_objects, report.stored_bytes) == (2, 0, 0)
    assert len(names(root, "packs")) == 1


def test_a_pack_of_several_blocks_comes_back(store: Store, reopen: Callable[[], Store]) -> None:
    data = np.random.default_rng(2).bytes(9_500_001)
    put(store, data[:5], data, data[:100_003])
    seen = reopen()
    assert seen.read(object_id(data)) == data
    assert seen.read(object_id(data[:100_003])) == data[:100_003]
    assert list(seen.check(full=True)) == []


@pytest.mark.parametrize("sizes", [[8192, 8192], [8192, 100, 8192], [1], [4096, 0, 4095]])
def test_writes_past_the_page_cache_need_no_alignment(tmp_path: Path, sizes: list[int]) -> None:
    block = memoryview(mmap.mmap(-1, 8192))
    block[:] = NOISE[:8192]
    with Disk().create(str(tmp_path / "file")) as file:
        for place, size in enumerate(sizes):
            file.write_block_at(block[:size], sum(sizes[:place]))
        file.sync()
    assert (tmp_path / "file").read_bytes() == b"".join(NOISE[:size] for size in sizes)


def test_nothing_offered_writes_nothing(store: Store, root: str) -> None:
    with store.writer() as writer:
        assert writer.add([]) == []
        writer.publish()
    assert names(root, "packs") == names(root, "index") == names(root, "incoming") == []


def test_progress_adds_up_to_the_raw_bytes(store: Store, small_window: int) -> None:
    steps: list[int] = []
    with store.writer() as writer:
        writer.add(
            [Incoming(BytesSource(data)) for data in (NOISE, b"a", b"", NOISE)], steps.append
        )
    assert sum(steps) == 2 * len(NOISE) + 1


def test_the_number_of_fsyncs_does_not_depend_on_the_objects(tmp_path: Path) -> None:
    counts = set()
    for number, objects in enumerate((1, 10, 3000)):
        disk = CountingDisk()
        store = Store.create(str(tmp_path / str(number)), disk)
        disk.syncs = 0
        put(store, *(b"%d" % one for one in range(objects)))
        counts.add(disk.syncs)
    assert counts == {4}


@pytest.mark.parametrize("publish", [False, True])
def test_an_error_leaves_nothing_behind(store: Store, root: str, publish: bool) -> None:
    disk = FullDisk()
    with pytest.raises(RuntimeError, match="stop"), Store(root, disk).writer() as writer:
        writer.put(NOISE)
        if publish:
            with pytest.raises(MvcError, match="no room"):
                writer.publish()
        raise RuntimeError("stop")
    assert names(root, "packs") == names(root, "index") == names(root, "incoming") == []
    assert object_id(NOISE) not in store
    put(store, NOISE)
    assert store.read(object_id(NOISE)) == NOISE


class FullDisk(Disk):
    def replace(self, source: str, target: str) -> None:
        raise MvcError("no room")


def test_leaving_without_publish_gives_up(store: Store, root: str) -> None:
    with store.writer() as writer:
        writer.put(b"x" * 100)
        assert names(root, "incoming") != []
    assert names(root, "incoming") == names(root, "packs") == []


def test_what_a_killed_writer_left_is_cleared_by_the_next(store: Store, root: str) -> None:
    for name in ("dead.pack", "dead.idx"):
        Path(root, "incoming", name).write_bytes(b"half")
    with store.writer():
        assert names(root, "incoming") == []


def test_a_living_writer_is_left_alone(
    store: Store, reopen: Callable[[], Store], root: str
) -> None:
    with store.writer() as first:
        first.put(NOISE)
        with reopen().writer() as second:
            second.put(b"other")
            second.publish()
        first.publish()
    assert store.read(object_id(NOISE)) == NOISE
    assert store.read(object_id(b"other")) == b"other"
    assert names(root, "incoming") == []


def test_a_writer_waits_for_who_holds_the_store_alone(
    store: Store, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk()
    with disk.lock(os.path.join(root, "writers.lock")), pytest.raises(Locked):
        monkeypatch.setattr("mvc.store.fs.Disk.lock", impatient(Disk.lock))
        store.writer()


def impatient(lock: Callable[..., object]) -> Callable[..., object]:
    return lambda self, path, *, shared=False, patience=0: lock(
        self, path, shared=shared, patience=0
    )


def test_two_writers_of_the_same_bytes_both_succeed(
    store: Store, reopen: Callable[[], Store], root: str
) -> None:
    with store.writer() as first, reopen().writer() as second:
        first.put(NOISE)
        second.put(NOISE)
        second.put(b"more")
        first.publish()
        second.publish()
    assert reopen().read(object_id(NOISE)) == NOISE
    assert list(store.check(full=True)) == []
    assert len(names(root, "packs")) == 2


def test_indexes_merge_and_everything_is_still_found(
    store: Store, reopen: Callable[[], Store], root: str
) -> None:
    early = reopen()
    for number in range(40):
        put(store, b"object %d" % number)
        assert early.read(object_id(b"object %d" % number)) == b"object %d" % number
    assert len(names(root, "packs")) == 40
    assert len(names(root, "index")) <= 6
    late = reopen()
    assert all(object_id(b"object %d" % number) in late for number in range(40))
    assert list(late.check(full=True)) == []


def test_a_lost_index_is_made_up_for_by_the_pack(
    store: Store, reopen: Callable[[], Store], root: str
) -> None:
    put(store, NOISE)
    put(store, b"b" * 300)
    for name in names(root, "index"):
        os.unlink(os.path.join(root, "index", name))
    seen = reopen()
    assert seen.read(object_id(NOISE)) == NOISE
    put(seen, b"c")
    assert len(names(root, "index")) == 1
    assert reopen().read(object_id(b"b" * 300)) == b"b" * 300


def test_a_file_that_shrinks_while_it_is_read_is_refused(
    store: Store, root: str, tmp_path: Path
) -> None:
    path = tmp_path / "model"
    path.write_bytes(b"short")
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with pytest.raises(MvcError, match="shorter"), store.writer() as writer:
            writer.add([Incoming(FileSpan(descriptor, 0, 6, str(path)), None)])
    finally:
        os.close(descriptor)
    assert names(root, "incoming") == []


class Changing:
    """A source that another process writes to between the first and the second look."""

    length = 60_000

    def __init__(self) -> None:
        self.reads = 0

    def read_into(self, offset: int, buffer: memoryview) -> None:
        self.reads += 1
        buffer[:] = bytes([self.reads]) * len(buffer)


def test_a_large_object_that_changes_while_it_is_read_is_refused(
    store: Store, root: str, small_window: int
) -> None:
    with pytest.raises(MvcError, match="changed"), store.writer() as writer:
        writer.add([Incoming(Changing(), None)])
    assert names(root, "incoming") == names(root, "packs") == []


def test_a_codec_that_does_not_give_back_its_frame_is_caught(
    store: Store, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(payload: memoryview, param: int, out: memoryview, base: object) -> None:
        raw_codec.decode(memoryview(bytes(len(out))), 0, out)

    monkeypatch.setattr(zstd, "decode", wrong)
    with pytest.raises(DecodeMismatch, match="codec 2"), store.writer() as writer:
        writer.add([Incoming(BytesSource(b"compressible " * 100), None)])
    assert names(root, "incoming") == []


@pytest.mark.parametrize("dtype", ["BF16", "F32"])
def test_planes_that_hold_another_frame_are_caught(
    store: Store, root: str, monkeypatch: pytest.MonkeyPatch, dtype: str
) -> None:
    encode = planes.encode

    def wrong(raw: memoryview, param: int, out: memoryview, *given: object) -> int | None:
        other = bytearray(raw)
        other[len(raw) // 2] ^= 1
        return encode(memoryview(other), param, out)

    monkeypatch.setattr(planes, "encode", wrong)
    with pytest.raises(DecodeMismatch, match="codec 1"), store.writer() as writer:
        writer.add([Incoming(BytesSource(b"\x00\x3c\x81\x3d" * 4096), dtype)])
    assert names(root, "incoming") == []
