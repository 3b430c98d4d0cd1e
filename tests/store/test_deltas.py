"""Objects that stand on others: chosen where it pays, bounded, checked, and given back bit for bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mvc import limits
from mvc.errors import CorruptPack, IntegrityError, MissingObject
from mvc.ids import ObjectId
from mvc.store import pack
from mvc.store.catalog import Catalog
from mvc.store.fs import Disk
from mvc.store.pack import NO_BASE, ObjectHeader
from mvc.store.source import BytesSource, Candidate, Incoming
from mvc.store.store import Store


def weights(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_t(5, count) * 0.02


def bf16(values: np.ndarray) -> bytes:
    words = values.astype("<f4").view("<u4")
    return ((words + 0x7FFF + (words >> 16 & 1)) >> 16).astype("<u2").tobytes()


def trained(values: np.ndarray, seed: int, step: float = 5e-5) -> np.ndarray:
    return values + np.random.default_rng(seed).normal(0, step, len(values))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(str(tmp_path / "store"), Disk())


def put(
    store: Store,
    data: bytes,
    *bases: ObjectId,
    dtype: str | None = "BF16",
    under: str | None = None,
) -> ObjectId:
    with store.writer() as writer:
        found = [Candidate(base, under or dtype) for base in bases]
        (id_,) = writer.add([Incoming(BytesSource(data), dtype, lambda: found)])
        writer.publish()
    return id_


def header(store: Store, id_: ObjectId) -> ObjectHeader:
    file, location = store._catalog.reach(id_)
    return file.object_header(location.offset)


COUNT = limits.FRAME // 2 + 12_345  # two frames, the second not full


def test_a_fine_tuned_tensor_stands_on_its_parent_and_comes_back(store: Store) -> None:
    before = weights(COUNT)
    base, data = bf16(before), bf16(trained(before, 1))
    parent = put(store, base)
    child = put(store, data, parent)
    assert header(store, child).base.hex() == parent
    assert store.stored_length(child) < 0.3 * len(data)
    assert store.read(child) == data
    assert store.read_range(child, 999_999, 70_000) == data[999_999 : 999_999 + 70_000]
    found = bytearray(len(data))

    def write_at(view: memoryview, position: int) -> None:
        found[position : position + len(view)] = view

    store.extract([(child, 0)], write_at)
    assert found == data
    assert list(store.check(full=True)) == []


@pytest.mark.parametrize("dtype", ["BF16", "F16", "F32", "F64", "I8", "I32", "U8", "F8_E4M3"])
@pytest.mark.parametrize("size", [4099, 70_001])
def test_every_dtype_comes_back_over_a_base_of_any_length(
    store: Store, dtype: str, size: int
) -> None:
    draw = np.random.default_rng(size)
    base = draw.integers(0, 20, size, np.uint8).tobytes()
    changed = np.frombuffer(base, np.uint8).copy()
    changed[draw.integers(0, size, size // 50)] += 1
    for length in (size // 2, size, 2 * size):
        data = (changed.tobytes() * 2)[:length]
        child = put(store, data, put(store, base, dtype=dtype), dtype=dtype)
        assert store.read(child) == data


def test_a_large_object_is_coded_and_decoded_slot_by_slot(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "WINDOW", 2 * limits.FRAME)
    before = weights(3 * COUNT)
    parent = put(store, bf16(before))
    data = bf16(trained(before, 1))
    child = put(store, data, parent)
    assert header(store, child).depth == 1
    assert store.read(child) == data


def test_rows_that_are_added_cost_their_own_bytes_alone(store: Store) -> None:
    base = bf16(weights(limits.FRAME))
    grown = base + bf16(weights(30_000, 7))
    child = put(store, grown, put(store, base))
    assert store.stored_length(child) < 60_000
    assert store.read(child) == grown


@pytest.mark.parametrize(
    ("dtype", "under"), [("BF16", "F32"), ("F16", "F32"), ("F32", "BF16"), ("F32", "F16")]
)
def test_a_copy_in_another_float_format_costs_nothing(store: Store, dtype: str, under: str) -> None:
    forms = {
        "F32": lambda v: v.astype("<f4").tobytes(),
        "BF16": bf16,
        "F16": lambda v: v.astype("<f2").tobytes(),
    }
    values = weights(COUNT + 1).astype("<f2").astype("<f4")
    values[:3] = np.nan, np.inf, -0.0
    if "BF16" in (dtype, under):
        values = (values.view("<u4") & 0xFFFF0000 if dtype == "F32" else values.view("<u4")).view(
            "<f4"
        )
    data = forms[dtype](values)
    child = put(
        store, data, put(store, forms[under](values), dtype=under), dtype=dtype, under=under
    )
    assert store.stored_length(child) < 1000
    assert store.read(child) == data
    assert store.read_range(child, 500_001, 70_000) == data[500_001:570_001]


def test_an_unrelated_tensor_stands_by_itself(store: Store) -> None:
    parent = put(store, bf16(weights(COUNT, 1)))
    child = put(store, bf16(weights(COUNT, 2)), parent)
    assert header(store, child).base == NO_BASE


def test_the_nearest_of_several_candidates_is_taken(store: Store) -> None:
    before = weights(COUNT)
    far = put(store, bf16(trained(before, 1, 2e-3)))
    near = put(store, bf16(trained(before, 2, 1e-5)))
    child = put(store, bf16(before), far, near)
    assert header(store, child).base.hex() == near


def test_chains_are_bounded_and_every_version_comes_back(store: Store) -> None:
    values, ids, versions = weights(20_000), [], []
    for number in range(limits.DELTA_DEPTH + 4):
        versions.append(bf16(values))
        ids.append(put(store, versions[-1], *ids[-1:]))
        values = trained(values, number)
    depths = [header(store, id_).depth for id_ in ids]
    assert depths == [*range(limits.DELTA_DEPTH + 1), 0, 1, 2]
    assert [store.read(id_) for id_ in ids] == versions


def test_what_has_to_be_read_back_is_bounded(store: Store) -> None:
    values, ids = weights(20_000), []
    for number in range(8):  # each step is large: a delta is barely worth it
        ids.append(put(store, bf16(values), *ids[-1:]))
        values = trained(values, number, 8e-4)
    for id_ in ids:
        ground = store._bases.ground(id_)
        assert ground.stored <= limits.DELTA_READ_BACK * ground.length


def test_a_candidate_that_is_gone_or_damaged_is_passed_over(store: Store, tmp_path: Path) -> None:
    before = weights(COUNT)
    data = bf16(trained(before, 1))
    parent = put(store, bf16(before))
    _damage(store, parent)
    gone = ObjectId("ab" * 32)
    child = put(Store(str(tmp_path / "store"), Disk()), data, gone, parent)
    assert header(store, child).base == NO_BASE
    assert store.read(child) == data


def test_a_damaged_base_is_told_and_never_a_wrong_tensor(store: Store, tmp_path: Path) -> None:
    before = weights(COUNT)
    parent = put(store, bf16(before))
    child = put(store, bf16(trained(before, 1)), parent)
    _damage(store, parent)
    again = Store(str(tmp_path / "store"), Disk())
    with pytest.raises(IntegrityError):
        again.read(child)
    hit = {problem.object_id for problem in again.check(full=True)}
    assert hit == {parent, child}


def test_a_lost_base_is_named(store: Store, tmp_path: Path) -> None:
    before = weights(COUNT)
    parent = put(store, bf16(before))
    child = put(store, bf16(trained(before, 1)), parent)
    _, location = store._catalog.reach(parent)
    for file in (tmp_path / "store" / "packs").glob(f"{location.pack}.*"):
        file.unlink()
    again = Store(str(tmp_path / "store"), Disk())
    with pytest.raises(MissingObject, match=f"{child} is a delta to {parent}"):
        again.read(child)
    assert any(parent in problem.message for problem in again.check(full=False))


def test_of_two_copies_of_a_base_the_less_deep_is_stood_on(store: Store, tmp_path: Path) -> None:
    """Two writers at once may store one object over different bases; what stood on either comes back."""
    first = weights(20_000)
    second, third = trained(first, 1), trained(first, 2)
    root = put(store, bf16(first))
    with store.writer() as slow:  # does not see what is published meanwhile
        found = [Candidate(root, "BF16")]
        slow.add([Incoming(BytesSource(bf16(second)), "BF16", lambda: found)])
        plain = put(Store(str(tmp_path / "store"), Disk()), bf16(second))
        top = put(Store(str(tmp_path / "store"), Disk()), bf16(third), plain)
        slow.publish()
    again = Store(str(tmp_path / "store"), Disk())
    assert header(again, top).depth == 1
    assert again.read(top) == bf16(third)
    assert again._bases.ground(plain).depth == 0


@pytest.mark.parametrize(
    "change",
    [{"depth": 0}, {"depth": limits.DELTA_DEPTH + 1}, {"base": NO_BASE}, {"base": b"\1" * 32}],
)
def test_a_header_that_could_close_a_circle_is_refused(change: dict[str, object]) -> None:
    sound = ObjectHeader(pack.DELTA, 1, 1, limits.FRAME, 10, b"\1" * 32, b"\2" * 32)
    assert pack.decode_object(pack.encode_object(sound), "a pack", 0) == sound
    with pytest.raises(CorruptPack):
        pack.decode_object(pack.encode_object(sound._replace(**change)), "a pack", 0)  # type: ignore[arg-type]


def test_a_base_as_deep_as_what_stands_on_it_is_refused(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = weights(20_000)
    parent = put(store, bf16(before))
    child = put(store, bf16(trained(before, 1)), parent)
    lying = header(store, parent)._replace(kind=pack.DELTA, depth=1, base=b"\3" * 32)
    honest = pack.decode_object

    def decode(data: bytes, where: str, offset: int) -> ObjectHeader:
        found = honest(data, where, offset)
        return lying if found.digest == lying.digest else found

    monkeypatch.setattr(pack, "decode_object", decode)
    monkeypatch.setattr(Catalog, "shallowest", _three_is_two(Catalog.shallowest, parent))
    with pytest.raises(IntegrityError):
        store.read(child)


def _three_is_two(reach, parent):  # type: ignore[no-untyped-def]
    return lambda self, id_: reach(self, parent if id_ == "03" * 32 else id_)


def _damage(store: Store, id_: ObjectId) -> None:
    file, location = store._catalog.reach(id_)
    data = bytearray(Path(file.path).read_bytes())
    data[location.offset + location.stored // 2] ^= 0xFF
    Path(file.path).write_bytes(data)
    store._catalog.forget(location.pack)
