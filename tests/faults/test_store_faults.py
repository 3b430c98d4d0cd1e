"""The store under power cuts, kills and failing disks: P2 (durable) and P3 (nothing unchecked)."""

from __future__ import annotations

import errno
import os
import random

import pytest
from faults.crash_states import FULL
from faults.harness import explore, places, scratch, survive_a_kill
from faults.recording import FailingDisk

from mvc import limits
from mvc.errors import StorageError
from mvc.store.fs import Disk
from mvc.store.source import BytesSource, Incoming
from mvc.store.store import Store


def noise(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


#: Three packs; the second repeats an object of the first, so that it must not be lost with either.
PACKS = (
    (noise(1, 3000), b"skeleton", b""),
    (b"skeleton", noise(2, 700)),
    (noise(3, 9000), bytes(5000)),
)


@pytest.fixture(autouse=True)
def small_frames(monkeypatch):
    """Several frames and slots an object, without megabytes."""
    monkeypatch.setattr(limits, "FRAME", 4096)
    monkeypatch.setattr(limits, "WINDOW", 16384)


def create(root: str, disk: Disk) -> None:
    Store.create(root, disk)


def publish(store: Store, objects: tuple[bytes, ...]) -> dict[str, bytes]:
    with store.writer() as writer:
        ids = writer.add([Incoming(BytesSource(data), "F32") for data in objects])
        writer.publish()
    return dict(zip(ids, objects, strict=True))


def publish_all(root, disk):
    Store.create(root, disk)
    disk.acknowledge("created", {})
    for number, objects in enumerate(PACKS):
        disk.acknowledge(f"pack {number}", publish(Store(root, disk), objects))


def readable(root, acknowledged):
    """What was acknowledged is there; all else that the store names is whole too; writing goes on."""
    if not acknowledged:
        Store.create(root, Disk())
    store = Store(root, Disk())
    for mark in acknowledged:
        for id_, data in mark.payload.items():
            assert store.read(id_) == data
    known = {data for objects in PACKS for data in objects}
    for id_ in store.object_ids():
        assert store.read(id_) in known
    assert list(store.check(full=True)) == []
    for id_, data in publish(Store(root, Disk()), (b"afterwards", *PACKS[0])).items():
        assert Store(root, Disk()).read(id_) == data
    assert os.listdir(os.path.join(root, "incoming")) == []


def test_every_published_object_survives_every_power_cut():
    summary = explore(publish_all, readable, limit=150, name="store: publish")
    assert summary.states > 100


@pytest.mark.faults_full
def test_every_published_object_survives_every_power_cut_in_full():
    explore(publish_all, readable, budget=FULL, name="store: publish, full")


def test_what_a_killed_writer_left_is_durable_before_another_builds_upon_it():
    def act(root, disk):
        return publish(Store(root, disk), PACKS[0])

    everywhere = range(len(places(act, prepare=create)))
    survive_a_kill(
        act, readable, prepare=create, at=everywhere, limit=12, name="store: after a kill"
    )


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS])
@pytest.mark.parametrize("forever", [False, True])
def test_a_store_on_a_failing_disk_keeps_what_it_had_and_a_retry_succeeds(code, forever):
    def prepare(root, disk):
        create(root, disk)
        publish(Store(root, disk), PACKS[0])

    def act(root, disk):
        return publish(Store(root, disk), PACKS[1] + PACKS[2])

    for place in range(len(places(act, prepare=prepare))):
        with scratch() as root:
            prepare(root, Disk())
            failing = FailingDisk(root, place, code, forever=forever)
            try:
                acknowledged = act(root, failing)
            except StorageError:
                acknowledged = {}
            assert failing.struck
            store = Store(root, Disk())
            assert list(store.check(full=True)) == [], failing.struck
            for id_, data in {**acknowledged, **publish(store, PACKS[0])}.items():
                assert store.read(id_) == data
            for id_, data in act(root, Disk()).items():
                assert store.read(id_) == data
            assert os.listdir(os.path.join(root, "incoming")) == [], failing.struck
