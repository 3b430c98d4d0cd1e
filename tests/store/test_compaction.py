"""Compaction of packs in which objects stand on others: a base outlives all that stand on it."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path

import numpy as np
import pytest

from mvc.errors import MissingObject
from mvc.ids import ObjectId
from mvc.store.catalog import Location
from mvc.store.fs import Disk
from mvc.store.source import BytesSource, Candidate, Incoming
from mvc.store.store import Store
from mvc.store.writing import PackWriter


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr("mvc.store.fs._full_sync", lambda descriptor: None)
    return Store.create(str(tmp_path / "store"), Disk())


def versions(count: int) -> list[bytes]:
    """A BF16 tensor as it is trained."""
    chance = np.random.default_rng(7)
    values = chance.normal(0, 0.02, 40_000)
    found = []
    for _ in range(count):
        bits = values.astype("<f4").view("<u4")
        found.append(((bits + 0x8000) >> 16).astype("<u2").tobytes())
        values = values + chance.normal(0, 5e-5, len(values))
    return found


def offer(writer: PackWriter, data: bytes, *bases: ObjectId) -> ObjectId:
    found = [Candidate(base, "BF16") for base in bases]
    (id_,) = writer.add([Incoming(BytesSource(data), "BF16", lambda: found)])
    return id_


def put(store: Store, data: bytes, *bases: ObjectId) -> ObjectId:
    with store.writer() as writer:
        id_ = offer(writer, data, *bases)
        writer.publish()
    return id_


def chain(store: Store, count: int) -> list[ObjectId]:
    ids: list[ObjectId] = []
    for data in versions(count):
        ids.append(put(store, data, *ids[-1:]))
    assert [depth(store, id_) for id_ in ids] == list(range(count))
    return ids


def depth(store: Store, id_: ObjectId) -> int:
    file, location = store._catalog.reach(id_)
    return file.object_header(location.offset).depth


def compact(store: Store, *alive: ObjectId, before: float = math.inf) -> int:
    """Carry it out; objects that went."""
    found = store.compaction(set(map(bytes.fromhex, alive)), before=before, now=0.0, grace=0.0)
    found.carry_out()
    return found.plan.objects


def packs(store: Store) -> int:
    return len(store._catalog.packs())


def test_what_a_living_delta_stands_on_lives(store: Store) -> None:
    ids, expected = chain(store, 4), versions(4)
    assert compact(store, ids[2]) == 1
    assert ids[3] not in Store(store._root, Disk())
    assert [store.read(id_) for id_ in ids[:3]] == expected[:3]
    assert packs(store) == 1
    assert list(store.check(full=True)) == []


def test_garbage_that_stays_keeps_what_it_stands_on(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large pack with little garbage is not copied; what is in it must still be read by fsck."""
    monkeypatch.setattr("mvc.store.compaction.SMALL", 0)
    base = put(store, versions(1)[0])
    with store.writer() as writer:
        child = offer(writer, versions(2)[1], base)
        whole = offer(writer, np.random.default_rng(1).bytes(400_000))
        writer.publish()
    assert depth(store, child) == 1
    assert compact(store, whole) == 0
    assert store.read(child) == versions(2)[1]
    assert list(store.check(full=True)) == []


def test_of_two_copies_the_one_that_others_can_stand_on_is_kept(store: Store) -> None:
    ids = chain(store, 3)
    (_, _, _, late, later) = versions(5)
    with contextlib.ExitStack() as both:  # neither sees what the other writes
        shallow = both.enter_context(store.writer())
        deep = both.enter_context(Store(store._root, Disk()).writer())
        twice = offer(shallow, late, ids[0])
        assert offer(deep, late, ids[2]) == twice
        shallow.publish()
        again = Store(store._root, Disk())
        last = put(again, later, twice)
        assert (depth(again, twice), depth(again, last)) == (1, 2)
        deep.publish()
    compact(again, last)
    fresh = Store(store._root, Disk())
    assert packs(fresh) == 1
    assert (depth(fresh, twice), depth(fresh, last)) == (1, 2)
    assert fresh.read(last) == later
    assert list(fresh.check(full=True)) == []


def test_a_base_that_is_gone_ends_it_before_anything_is_removed(store: Store) -> None:
    ids = chain(store, 3)
    place = store._catalog.place(ids[0])
    Path(store._root, "packs", f"{place.pack}.pack").unlink()
    fresh = Store(store._root, Disk())
    with pytest.raises(MissingObject):
        compact(fresh, ids[2])
    assert packs(fresh) == 2


def test_a_reader_follows_what_gc_moves_to_other_packs_meanwhile(
    store: Store, small_window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = np.random.default_rng(11)
    contents = [noise.bytes(3 * small_window) for _ in range(2)]
    contents += [noise.bytes(1000) for _ in range(20)]
    alive: list[ObjectId] = []
    for number, data in enumerate(contents):
        with store.writer() as writer:
            garbage = Incoming(BytesSource(bytes([number]) * 5000), None)
            alive += writer.add([Incoming(BytesSource(data), None), garbage])[:1]
            writer.publish()
    reader, before = Store(store._root, Disk()), store._catalog.packs()
    place = reader._catalog.place

    def collected(id_: ObjectId) -> Location:
        found = place(id_)
        if id_ == alive[-1] and before == store._catalog.packs():  # all have been looked up
            assert compact(store, *alive) == len(alive)
            store.refresh()
            assert set(before).isdisjoint(store._catalog.packs())
        return found

    monkeypatch.setattr(reader._catalog, "place", collected)
    at = np.cumsum([0, *map(len, contents)]).tolist()
    out = bytearray(at[-1])

    def write_at(view: memoryview, position: int) -> None:
        out[position : position + len(view)] = view

    reader.extract(list(zip(alive, at[:-1], strict=True)), write_at)
    assert bytes(out) == b"".join(contents)
    assert set(before).isdisjoint(store._catalog.packs())
