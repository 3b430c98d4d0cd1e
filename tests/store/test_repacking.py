"""Repacking: the same bytes from fewer, whatever came in which order, and nothing lost in between."""

from __future__ import annotations

import math
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mvc.errors import IntegrityError
from mvc.ids import ObjectId
from mvc.limits import DELTA_DEPTH, DELTA_READ_BACK
from mvc.store.bases import Bases
from mvc.store.fs import Disk
from mvc.store.repacking import Repacked
from mvc.store.source import BytesSource, Candidate, Incoming
from mvc.store.store import Store

COUNT = 8_000


@pytest.fixture(autouse=True)
def _undurable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mvc.store.fs._full_sync", lambda descriptor: None)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(str(tmp_path / "store"), Disk())


def base(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.02, COUNT).astype("f4")


def tuned(values: np.ndarray, seed: int, scale: float = 1e-5) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, scale, len(values))
    return (values + noise).astype("f4")


def put(store: Store, values: np.ndarray, *over: bytes) -> bytes:
    dtype = {"f4": "F32", "f2": "F16", "i1": "I8"}[values.dtype.str[1:]]
    candidates = [Candidate(ObjectId(one.hex()), "F32") for one in over]
    with store.writer() as writer:
        item = Incoming(BytesSource(values.tobytes()), dtype, lambda: candidates)
        (id_,) = writer.add([item])
        writer.publish()
    return bytes.fromhex(id_)


def repack(store: Store, *lines: list[bytes], **dtypes: str) -> Repacked:
    known = {digest: dtypes.get(digest.hex(), "F32") for line in lines for digest in line}
    return store.repack(known, lines)


def compact(store: Store, alive: set[bytes], *, before: float = math.inf) -> None:
    store.compaction(set(alive), before=before, now=1e12, grace=0.0, dense=True).carry_out()


def header(store: Store, digest: bytes):  # type: ignore[no-untyped-def]
    file, location = store._catalog.reach(ObjectId(digest.hex()))
    return file.object_header(location.offset)


def check(store: Store, expected: dict[bytes, bytes]) -> None:
    fresh = Store(store._root, Disk())
    assert not list(fresh.check(full=True))
    for digest, data in expected.items():
        assert fresh.read(ObjectId(digest.hex())) == data


def test_siblings_that_came_before_their_base_are_put_on_it(store: Store) -> None:
    parent = base()
    versions = [*(tuned(parent, seed) for seed in (1, 2, 3)), parent]
    ids = [put(store, values) for values in versions]
    done = repack(store, ids)
    assert done.objects == 3 and done.after < 0.7 * done.before
    compact(store, set(ids))
    assert {header(store, one).base for one in ids[:3]} == {ids[3]}
    assert header(store, ids[3]).depth == 0
    check(store, {one: values.tobytes() for one, values in zip(ids, versions, strict=True)})
    assert repack(store, ids) == Repacked(0, 0, 0)


def test_a_version_under_another_name_and_dtype_is_found_by_its_looks(store: Store) -> None:
    parent = base()
    scale = np.abs(parent).max() / 127
    versions = [parent, tuned(parent, 1), parent.astype("f2"), base(5), base(6)]
    ids = [put(store, values) for values in versions]
    found = repack(store, *([one] for one in ids), **{ids[2].hex(): "F16"})
    assert found.objects == 2
    compact(store, set(ids))
    assert [header(store, one).depth for one in ids].count(0) == 3
    assert header(store, ids[2]).base == ids[0]
    check(store, {one: values.tobytes() for one, values in zip(ids, versions, strict=True)})
    assert scale > 0


def test_a_long_history_keeps_the_bounds_of_reading(store: Store) -> None:
    values, ids, expected = base(), [], {}
    for seed in range(24):
        values = tuned(values, seed, 1e-6)
        ids.append(put(store, values))
        expected[ids[-1]] = values.tobytes()
    done = repack(store, ids)
    assert done.objects >= 20 and done.after < done.before / 2
    compact(store, set(ids))
    bases = Bases(store._catalog)
    for one in ids:
        ground = bases.ground(ObjectId(one.hex()))
        assert ground.depth <= DELTA_DEPTH and ground.stored <= DELTA_READ_BACK * ground.length
    check(store, expected)


def test_an_object_larger_than_memory_is_written_by_all_workers(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mvc.store.repacking._IN_MEMORY", 0)
    parent = np.concatenate([base(seed) for seed in range(80)])
    versions = [parent, tuned(parent, 1)]
    ids = [put(store, values) for values in versions]
    assert repack(store, ids).objects == 1
    check(store, {one: values.tobytes() for one, values in zip(ids, versions, strict=True)})


def test_a_new_pack_that_is_not_right_goes_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = base()
    versions = [parent, tuned(parent, 1)]
    ids = [put(store, values) for values in versions]
    from mvc.store import repacking

    encode = repacking.store_parts

    def broken(parts, out):  # type: ignore[no-untyped-def]
        sizes = encode(parts, out)
        out[sizes[0] - 1] ^= 1
        return sizes

    monkeypatch.setattr(repacking, "store_parts", broken)
    with pytest.raises(IntegrityError):
        repack(store, ids)
    check(store, {one: values.tobytes() for one, values in zip(ids, versions, strict=True)})
    assert len(store._catalog.packs()) == 2


def test_what_is_damaged_is_left_as_it_is(store: Store) -> None:
    parent = base()
    ids = [put(store, values) for values in (parent, tuned(parent, 1), tuned(parent, 2))]
    place = store._catalog.place(ObjectId(ids[1].hex()))
    path = Path(store._root, "packs", f"{place.pack}.pack")
    data = bytearray(path.read_bytes())
    data[place.offset + 200] ^= 1
    path.write_bytes(data)
    fresh = Store(store._root, Disk())
    repack(fresh, ids)
    assert header(fresh, ids[1]).depth == 0
    assert fresh.read(ObjectId(ids[2].hex())) == tuned(parent, 2).tobytes()


def test_a_writer_that_stood_on_an_old_copy_keeps_it(store: Store) -> None:
    """It chose its base before the base was put on something else; no copy that it needs may go."""
    parent = base()
    versions = [tuned(parent, 1), tuned(parent, 2), parent]
    ids = [put(store, values) for values in versions]
    late = tuned(versions[0], 9)
    with Store(store._root, Disk()).writer() as writer:
        candidates = [Candidate(ObjectId(ids[0].hex()), "F32")]
        (id_,) = writer.add([Incoming(BytesSource(late.tobytes()), "F32", lambda: candidates)])
        repack(store, ids)
        writer.publish()
    ids.append(bytes.fromhex(id_))
    store.refresh()
    assert header(store, ids[-1]).depth == 1
    compact(store, set(ids))
    expected = {one: v.tobytes() for one, v in zip(ids, [*versions, late], strict=True)}
    check(store, expected)
    assert repack(store, ids).objects
    compact(store, set(ids))
    check(store, expected)


def test_old_packs_wait_for_readers_and_stay_readable_meanwhile(store: Store) -> None:
    parent = base()
    versions = [tuned(parent, 1), tuned(parent, 2), parent]
    ids = [put(store, versions[0])]
    ids.append(put(store, versions[1], ids[0]))
    ids.append(put(store, versions[2]))
    reader = Store(store._root, Disk())
    assert repack(store, ids).objects
    expected = {one: v.tobytes() for one, v in zip(ids, versions, strict=True)}
    for _ in range(2):
        compact(store, set(ids), before=0.0)
        check(store, expected)
        assert len(store._catalog.packs()) >= 4
    compact(store, set(ids))
    assert len(store._catalog.packs()) == 1
    for one, data in expected.items():
        assert reader.read(ObjectId(one.hex())) == data


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_whatever_is_stored_repacked_and_compacted_in_any_order_stays_what_it_is(
    seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    chance = random.Random(seed)
    store = Store.create(str(tmp_path_factory.mktemp("store") / "s"), Disk())
    families = [base(n)[:2000] for n in range(2)]
    alive: dict[bytes, bytes] = {}
    newest: list[np.ndarray] = list(families)
    for step in range(14):
        deed = chance.choice(["put", "put", "put", "repack", "repack", "compact", "wait", "drop"])
        if deed == "put":
            family = chance.randrange(2)
            values = tuned(chance.choice([families[family], newest[family]]), step, 1e-6)
            newest[family] = values
            over = chance.sample(sorted(alive), min(len(alive), 3))
            alive[put(store, values, *over)] = values.tobytes()
        elif deed == "repack" and alive:
            some = chance.sample(sorted(alive), chance.randint(1, len(alive)))
            repack(store, *chance.choice([[some], [[one] for one in some]]))
        elif deed in ("compact", "wait"):
            compact(store, set(alive), before=math.inf if deed == "compact" else 0.0)
        elif deed == "drop" and alive:
            del alive[chance.choice(sorted(alive))]
        if deed != "put":
            check(store, alive)
