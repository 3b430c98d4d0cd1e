"""Weights with a merged LoRA stand on a factor object, and that on the weight as it was."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from mvc import limits
from mvc.errors import CorruptPack, IntegrityError
from mvc.ids import ObjectId
from mvc.store import choosing
from mvc.store.codecs import lowrank
from mvc.store.fs import Disk
from mvc.store.pack import ObjectHeader
from mvc.store.source import BytesSource, Candidate, Incoming
from mvc.store.store import Store

ROWS, COLUMNS = 1500, 512  # two frames of BF16, the second not full


def bf16(values: np.ndarray) -> bytes:
    words = np.ascontiguousarray(values, "<f4").view("<u4")
    return ((words + 0x7FFF + (words >> 16 & 1)) >> 16).astype("<u2").tobytes()


def weights(seed: int = 0) -> np.ndarray:
    words = np.frombuffer(
        bf16(np.random.default_rng(seed).standard_t(5, (ROWS, COLUMNS)) * 0.02), "<u2"
    )
    return (words.astype("<u4") << 16).view("<f4").reshape(ROWS, COLUMNS)


def merged(values: np.ndarray, seed: int = 1) -> np.ndarray:
    draw = np.random.default_rng(seed)
    change = draw.normal(0, 1, (ROWS, 8)) @ draw.normal(0, 1, (8, COLUMNS))
    return values + change * (0.01 * np.linalg.norm(values) / np.linalg.norm(change))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(str(tmp_path / "store"), Disk())


def put(store: Store, data: bytes, *bases: ObjectId) -> ObjectId:
    with store.writer() as writer:
        found = [Candidate(base, "BF16", (ROWS, COLUMNS)) for base in bases]
        (id_,) = writer.add([Incoming(BytesSource(data), "BF16", lambda: found)])
        writer.publish()
    return id_


def test_a_factor_is_no_object_of_the_users(store: Store) -> None:
    weight = put(store, bf16(weights()))
    found = [Candidate(weight, "BF16", (ROWS, COLUMNS))]
    data = bf16(merged(weights()))
    with store.writer() as writer:
        writer.add([Incoming(BytesSource(data), "BF16", lambda: found)])
        report = writer.publish()
    assert (report.objects, report.new_objects, report.new_raw_bytes) == (1, 1, len(data))


def header(store: Store, id_: ObjectId) -> ObjectHeader:
    file, location = store._catalog.reach(id_)
    return file.object_header(location.offset)


@pytest.mark.parametrize("window", [limits.WINDOW, limits.FRAME])
def test_a_merged_lora_comes_back_whole_and_in_slices(
    store: Store, monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    monkeypatch.setattr(limits, "WINDOW", window)  # the smaller one makes it a large object
    base, data = bf16(weights()), bf16(merged(weights()))
    weight = put(store, base)
    child = put(store, data, weight)
    factor = header(store, child).base.hex()
    assert header(store, ObjectId(factor)).base.hex() == weight
    assert header(store, child).depth == 2
    assert store.stored_length(child) < 0.1 * len(data)
    assert store.read(child) == data
    assert store.read_range(child, 999_999, 70_000) == data[999_999 : 999_999 + 70_000]
    assert list(store.check(full=True)) == []


def test_what_is_trained_on_from_there_stands_on_it(store: Store) -> None:
    values = merged(weights())
    child = put(store, bf16(values), put(store, bf16(weights())))
    trained = bf16(values + np.random.default_rng(2).normal(0, 5e-5, values.shape))
    top = put(store, trained, child)
    assert header(store, top).base.hex() == child
    assert header(store, top).depth == 3
    assert store.read(top) == trained


def test_the_same_change_of_two_weights_has_two_factors(store: Store) -> None:
    """They may be the same numbers; each says which weight it belongs to."""
    integers = np.ones((1, 5), np.int64)
    assert lowrank.factor(integers, b"\1" * 32) != lowrank.factor(integers, b"\2" * 32)
    first, second = weights(0), weights(3)
    for values in (first, second):
        data = bf16(merged(values))
        assert store.read(put(store, data, put(store, bf16(values)))) == data
    assert list(store.check(full=True)) == []


def test_a_known_factor_is_stood_on_again(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "_STRETCH", limits.MIB // 2)
    base, data = bf16(weights()), bf16(merged(weights()))
    weight = put(store, base)
    child = put(store, data, weight)
    factor = header(store, child).base
    almost = bytearray(data)
    almost[-1] ^= 1  # the same factor comes out, from the rows before
    again = put(store, bytes(almost), weight)
    assert header(store, again).base == factor
    assert Store(str(tmp_path / "store"), Disk()).read(again) == bytes(almost)


def test_a_factor_on_another_weight_is_refused(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    weight = put(store, bf16(weights()))
    child = put(store, bf16(merged(weights())), weight)
    ground = store._bases.ground(ObjectId(header(store, child).base.hex()))
    assert ground._below is not None
    ground._below.digest = b"\7" * 32
    with pytest.raises(CorruptPack, match="another weight"):
        ground.under(9, 0x20, 0, 1000, _Room())
    ground._below = None
    with pytest.raises(CorruptPack, match="no factor"):
        ground.under(9, 0x20, 0, 1000, _Room())


def test_a_damaged_weight_is_told(store: Store, tmp_path: Path) -> None:
    weight = put(store, bf16(weights()))
    child = put(store, bf16(merged(weights())), weight)
    file, location = store._catalog.reach(weight)
    data = bytearray(Path(file.path).read_bytes())
    data[location.offset + location.stored // 2] ^= 0xFF
    Path(file.path).write_bytes(data)
    with pytest.raises(IntegrityError, match=re.escape(child)):
        Store(str(tmp_path / "store"), Disk()).read(child)


class _Room:
    def take(self, size: int) -> memoryview:
        return memoryview(bytearray(size))
