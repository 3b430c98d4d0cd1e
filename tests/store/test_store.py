"""What goes into a store comes out of it, whole, in pieces and in slices."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mvc import limits
from mvc.errors import LimitExceeded, MissingObject, UsageError
from mvc.ids import ObjectId, object_id
from mvc.store import reading, workers
from mvc.store.fs import Disk
from mvc.store.source import BytesSource, FileSpan, Incoming
from mvc.store.store import Store

NOISE = np.random.default_rng(7).bytes(100_000)
CONTENTS = [
    b"",
    b"a",
    b"word" * 1000,
    NOISE[:4096],
    NOISE[:4097],
    NOISE[:16384],
    NOISE[:16385],
    NOISE,
    bytes(70_000),
    np.random.default_rng(8).normal(0, 0.02, 30_000).astype("<f4").tobytes() + b"xyz",
]


def add(store: Store, contents: list[bytes], dtype: str | None = None) -> list[ObjectId]:
    with store.writer() as writer:
        ids = writer.add([Incoming(BytesSource(data), dtype) for data in contents])
        writer.publish()
    return ids


def extracted(store: Store, items: list[tuple[ObjectId, int]], size: int) -> bytes:
    out = bytearray(size)

    def write_at(view: memoryview, position: int) -> None:
        out[position : position + len(view)] = view

    store.extract(items, write_at)
    return bytes(out)


@pytest.mark.parametrize("dtype", [None, "BF16", "F32", "I64", "U8"])
def test_objects_come_back_by_every_way_out(
    store: Store, reopen: Callable[[], Store], small_window: int, dtype: str | None
) -> None:
    ids = add(store, CONTENTS, dtype)
    assert ids == [object_id(data) for data in CONTENTS]
    for seen in (store, reopen()):
        for identity, data in zip(ids, CONTENTS, strict=True):
            assert identity in seen
            assert seen.length(identity) == len(data)
            assert seen.stored_length(identity) <= len(data) + 96 + 48 * (len(data) // 4096 + 1)
            assert seen.read(identity) == data
            assert b"".join(map(bytes, seen.chunks(identity))) == data
            for start in range(0, len(data), 1 + len(data) // 7):
                assert seen.read_range(identity, start, len(data) - start) == data[start:]
                length = min(5000, len(data) - start)
                assert seen.read_range(identity, start, length) == data[start : start + length]
    assert sorted(store.object_ids()) == sorted(set(ids))


def test_extract_puts_each_object_where_it_belongs(store: Store, small_window: int) -> None:
    ids = add(store, CONTENTS)
    items, position = [], 0
    for identity, data in [*zip(ids, CONTENTS, strict=True)] * 2:
        items.append((identity, position))
        position += len(data)
    assert extracted(store, items, position) == b"".join(CONTENTS * 2)
    store.extract([], lambda view, at: None)


def test_extract_goes_through_the_target_in_order_whatever_packs_the_objects_lie_in(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "run", map)  # one thread
    monkeypatch.setattr(reading, "_TASK_BYTES", 0)
    packs = [[bytes([n]) * 1000 for n in range(first, 20, 2)] for first in (0, 1)]
    by_pack = [add(store, contents) for contents in packs]
    ids = [one for pair in zip(*by_pack, strict=True) for one in pair]
    met: list[int] = []
    store.extract([(one, 1000 * n) for n, one in enumerate(ids)], lambda view, at: met.append(at))
    assert met == [1000 * n for n in range(20)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    contents=st.lists(
        st.tuples(st.binary(max_size=40), st.integers(1, 2000), st.sampled_from([None, "BF16"])),
        max_size=12,
    )
)
def test_any_objects_come_back(
    tmp_path_factory: pytest.TempPathFactory,
    small_window: int,
    contents: list[tuple[bytes, int, str | None]],
) -> None:
    store = Store.create(str(tmp_path_factory.mktemp("s") / "store"), Disk())
    raws = [data * repeats for data, repeats, _ in contents]
    items = [
        Incoming(BytesSource(raw), dtype) for raw, (_, _, dtype) in zip(raws, contents, strict=True)
    ]
    with store.writer() as writer:
        ids = writer.add(items)
        report = writer.publish()
    assert report.objects == len(raws)
    assert report.new_objects == len(set(raws))
    assert [store.read(identity) for identity in ids] == raws
    assert list(store.check(full=True)) == []


def test_a_span_of_a_file_is_stored_without_the_rest(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(NOISE)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with store.writer() as writer:
            ids = writer.add(
                [
                    Incoming(FileSpan(descriptor, 10, 90_000, str(path)), "BF16"),
                    Incoming(FileSpan(descriptor, 0, 10, str(path)), None),
                ]
            )
            writer.publish()
    finally:
        os.close(descriptor)
    assert [store.read(identity) for identity in ids] == [NOISE[10:90_010], NOISE[:10]]


def test_chunks_stay_within_their_window(store: Store, small_window: int) -> None:
    (identity,) = add(store, [NOISE])
    sizes = [len(view) for view in store.chunks(identity, window=8192)]
    assert max(sizes) <= 8192
    assert sum(sizes) == len(NOISE)


@pytest.mark.parametrize("size", [5000, 100_000])
def test_a_piece_kept_too_long_is_an_error_not_other_bytes(
    store: Store, small_window: int, size: int
) -> None:
    (identity,) = add(store, [NOISE[:size]])
    pieces = store.chunks(identity)
    kept = next(pieces)
    next(pieces)
    with pytest.raises(ValueError, match="released"):
        bytes(kept)


def test_an_abandoned_iterator_leaves_the_store_usable(store: Store, small_window: int) -> None:
    (identity,) = add(store, [NOISE])
    pieces = store.chunks(identity)
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    assert store.read(identity) == NOISE


def test_thousands_of_tiny_objects_share_their_tasks(store: Store) -> None:
    contents = [number.to_bytes(4, "little") * 3 for number in range(5_000)]
    ids = add(store, contents, "F32")
    assert extracted(store, [(one, 12 * n) for n, one in enumerate(ids)], 60_000) == b"".join(
        contents
    )


def test_an_absent_object_is_named(store: Store) -> None:
    absent = object_id(b"absent")
    assert absent not in store
    for ask in (store.read, store.length, store.stored_length, lambda one: [*store.chunks(one)]):
        with pytest.raises(MissingObject, match=absent):
            ask(absent)
    with pytest.raises(MissingObject, match=absent):
        store.extract([(absent, 0)], lambda view, at: None)


@pytest.mark.parametrize(("start", "length"), [(-1, 2), (0, 5), (4, 1), (0, -1), (2, 3)])
def test_a_slice_past_the_end_is_refused(store: Store, start: int, length: int) -> None:
    (identity,) = add(store, [b"four"])
    with pytest.raises(UsageError, match="which has 4"):
        store.read_range(identity, start, length)


def test_an_object_too_large_for_one_piece_is_refused(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    (identity,) = add(store, [b"x" * 100])
    monkeypatch.setattr(limits, "WHOLE_OBJECT", 99)
    with pytest.raises(LimitExceeded):
        store.read(identity)


def test_an_error_of_the_receiver_reaches_the_caller(store: Store, small_window: int) -> None:
    ids = add(store, CONTENTS)

    def refuse(view: memoryview, position: int) -> None:
        raise OSError("no room")

    for identity, data in zip(ids, CONTENTS, strict=True):
        if data:
            with pytest.raises(OSError, match="no room"):
                store.extract([(identity, 0)], refuse)


def test_what_an_index_covers_is_found_without_listing_the_packs(
    store: Store, reopen: Callable[[], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = [bytes([number]) * 100 for number in range(20)]
    ids = [add(store, [data])[0] for data in contents]
    listdir, listed = os.listdir, []

    def listing(folder: str) -> list[str]:
        listed.append(os.path.basename(folder))
        return listdir(folder)

    monkeypatch.setattr(os, "listdir", listing)
    again = reopen()
    assert [again.read(id_) for id_ in ids] == contents
    assert add(again, [contents[0], b"new"]) == [ids[0], object_id(b"new")]
    assert reopen().read(object_id(b"new")) == b"new"
    assert "index" in listed
    assert "packs" not in listed


def test_a_pack_that_no_index_covers_is_found_all_the_same(
    store: Store, reopen: Callable[[], Store], root: str
) -> None:
    [id_] = add(store, [b"found"])
    for name in os.listdir(os.path.join(root, "index")):
        os.unlink(os.path.join(root, "index", name))
    assert id_ in reopen()
    assert reopen().read(id_) == b"found"


def test_an_index_that_outlived_its_pack_does_not_keep_a_writer_from_storing(
    store: Store, reopen: Callable[[], Store], root: str
) -> None:
    [id_] = add(store, [b"once"])
    [name] = os.listdir(os.path.join(root, "packs"))
    os.unlink(os.path.join(root, "packs", name))
    again = reopen()
    assert id_ not in again
    assert add(again, [b"once"]) == [id_]
    assert reopen().read(id_) == b"once"
