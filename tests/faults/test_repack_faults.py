"""Repacking under power cuts and failing disks, and beside readers: P1, P3, P6.

Wherever ``gc --aggressive`` is cut short, every commit is there, byte for byte, and running it again ends
where one run would have.
"""

from __future__ import annotations

import contextlib
import errno
import random
import struct

import pytest
from faults.crash_states import FULL, Budget
from faults.deeds import harms
from faults.harness import explore, places, scratch
from faults.recording import FailingDisk
from faults.test_gc_faults import Impatient, VisitedDisk
from faults.worlds import begun, opened, save

from mvc.errors import MvcError, StorageError
from mvc.store.fs import Disk

COUNT = 2500
NAMES = ("a", "b", "c")


def _file(number: int) -> bytes:
    """One tensor, which resembles those of all other numbers."""
    draw, step = random.Random(0), random.Random(number)
    values = [draw.gauss(0, 1) + step.gauss(0, 1e-5) for _ in range(COUNT)]
    header = b'{"w":{"dtype":"F32","shape":[%d],"data_offsets":[0,%d]}}' % (COUNT, 4 * COUNT)
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + struct.pack(f"<{COUNT}f", *values)


FILES = {f"{name}.safetensors": _file(number) for number, name in enumerate(NAMES)}


def relatives(root: str, disk: Disk) -> None:
    """Three versions of a tensor, each in a branch that does not know of the others."""
    begun(root, disk)
    save(root, {"notes.txt": b"begin\n"})
    opened(root, disk).add(["notes.txt"])
    opened(root, disk).commit("begin")
    for name, data in FILES.items():
        repository = opened(root, disk)
        repository.switch(name[0], create="new", start="main")
        save(root, {name: data})
        repository.add([name])
        repository.commit(name)


def run(root: str, disk: Disk) -> None:
    opened(root, disk).upkeep.gc(aggressive=True, prune="now", expire="never")


def check(root: str, again: bool = True) -> None:
    repository = opened(root)
    for name, data in FILES.items():
        assert b"".join(map(bytes, repository.read_file(name, name[0]))) == data
    assert not (problems := harms(repository, full=True)), problems
    if again:
        run(root, Disk())
        check(root, again=False)
        sizes = opened(root).upkeep.usage()
        assert sizes.total.stored < sizes.total.unique * 0.7


def test_it_does_what_is_cut_below() -> None:
    with scratch() as root:
        relatives(root, Disk())
        run(root, Disk())
        check(root)


def test_a_power_cut_while_repacking_loses_nothing() -> None:
    explore(
        run,
        lambda root, _: check(root),
        prepare=relatives,
        limit=5,
        budget=Budget(),
        name="repack (sampled)",
    )


@pytest.mark.faults_full
def test_no_power_cut_while_repacking_loses_anything() -> None:
    explore(
        run,
        lambda root, _: check(root),
        prepare=relatives,
        limit=1500,
        budget=FULL,
        name="repack",
    )


def fail_everywhere(step: int) -> None:
    number = len(places(run, prepare=relatives))
    for place in range(0, number, step):
        for code, forever in ((errno.ENOSPC, True), (errno.EIO, False)):
            with scratch() as root:
                relatives(root, Disk())
                disk = FailingDisk(root, place, code, forever=forever)
                with contextlib.suppress(StorageError):
                    run(root, disk)
                check(root)


def test_a_disk_that_fails_while_repacking_loses_nothing() -> None:
    fail_everywhere(step=67)


@pytest.mark.faults_full
def test_a_disk_that_fails_anywhere_while_repacking_loses_nothing() -> None:
    fail_everywhere(step=1)


def read_beside(step: int) -> None:
    """A reader that was there before reads at each call."""
    for place in range(0, len(places(run, prepare=relatives)), step):
        with scratch() as root:
            relatives(root, Disk())
            reader = opened(root)

            def visit(reader=reader):
                for name, data in FILES.items():
                    assert b"".join(map(bytes, reader.read_file(name, name[0]))) == data

            run(root, VisitedDisk(root, place, visit))
            visit()


def test_readers_read_while_objects_are_put_on_other_bases() -> None:
    read_beside(step=41)


@pytest.mark.faults_full
def test_readers_read_at_every_step_of_a_repack() -> None:
    read_beside(step=1)


def write_beside(step: int) -> int:
    """A writer that lets nobody wait commits a version at a call; how often it could."""
    written = 0
    late = _file(99)
    for place in range(0, len(places(run, prepare=relatives)), step):
        with scratch() as root:
            relatives(root, Disk())
            acknowledged = []

            def visit(root=root, acknowledged=acknowledged):
                with contextlib.suppress(MvcError):
                    repository = opened(root, Impatient())
                    save(root, {"late.safetensors": late})
                    repository.add(["late.safetensors"])
                    acknowledged.append(repository.commit("late").id)

            run(root, VisitedDisk(root, place, visit))
            for _ in range(2):
                for id_ in acknowledged:
                    found = opened(root).read_file("late.safetensors", id_)
                    assert b"".join(map(bytes, found)) == late
                check(root)
            written += len(acknowledged)
    return written


def test_writers_write_while_objects_are_put_on_other_bases() -> None:
    assert write_beside(step=61)


@pytest.mark.faults_full
def test_writers_write_at_every_step_of_a_repack() -> None:
    assert write_beside(step=1)
