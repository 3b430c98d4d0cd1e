"""gc under power cuts, kills and failing disks, and beside readers and writers: P1, P3, P5, P6.

Wherever it is cut short, everything that was to stay is there, byte for byte, and running it again ends where
one run would have. The ordinary run takes a sample; ``-m faults_full`` thousands.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from faults.crash_states import FULL, Budget
from faults.deeds import Deed, harms
from faults.harness import as_found, explore, places, scratch, survive_a_kill
from faults.recording import FailingDisk, WatchedDisk
from faults.verbs import DEEDS
from faults.worlds import (
    ONE,
    TWO,
    Files,
    check_history,
    git_agrees,
    opened,
    save,
    user_files,
    with_branches,
    with_two,
)

from mvc.errors import MvcError, StorageError
from mvc.maintenance.gc import Collected
from mvc.store.fs import Disk


@dataclass(frozen=True)
class Collection:
    """A world with garbage in it, and how it is collected; ``subjects`` of commits that must stay."""

    name: str
    prepare: Callable[[str, Disk], None]
    options: dict[str, str]
    subjects: frozenset[str]
    files: Files

    def run(self, root: str, disk: Disk) -> Collected:
        return opened(root, disk).upkeep.gc(**self.options)

    def check(self, root: str) -> None:
        """Everything is as it was, and the collection can be done (again): garbage may come back."""
        assert user_files(root) == self.files
        self._check_history(root)
        self.run(root, Disk())
        self._check_history(root)
        save(root, {"later.txt": b"work goes on"})
        opened(root).add(["later.txt"])
        opened(root).commit("later")
        assert not harms(opened(root), full=True)

    def _check_history(self, root: str) -> None:
        repository = opened(root)
        reached = check_history(repository)
        subjects = {
            repository._context.git.commit(id_).subject for ids in reached.values() for id_ in ids
        }
        assert self.subjects <= subjects, "a commit was lost"
        assert not (problems := harms(repository)), problems
        if hash(repository.head) % 8 == 0:
            git_agrees(root)


def forgotten(root: str, disk: Disk) -> None:
    """``two`` is known to the logs alone."""
    with_two(root, disk)
    opened(root, disk).tags.create("v", message="a tag")
    opened(root, disk).tags.delete("v")
    opened(root, disk).reset("HEAD~1", mode="hard")


def collected(root: str, disk: Disk) -> None:
    """The same after a collection that forgot nothing, and with a new commit on top."""
    forgotten(root, disk)
    opened(root, disk).upkeep.gc(prune="now", expire="never")
    save(root, TWO)
    repository = opened(root, disk)
    repository.add(sorted(TWO))
    repository.commit("two")
    repository.reset("HEAD~1", mode="hard")


NOW = {"prune": "now", "expire": "now"}
MINE = {"mine.txt": b"not tracked"}
EXTRA = {"sub/extra.bin": TWO["sub/extra.bin"]}
COLLECTIONS = [
    Collection("gc of garbage", forgotten, NOW, frozenset({"one"}), ONE),
    Collection("gc of packs", collected, NOW, frozenset({"one"}), ONE),
    Collection(
        "gc that forgets nothing",
        collected,
        {"prune": "now", "expire": "never"},
        frozenset({"one", "two"}),
        ONE,
    ),
    Collection(
        "gc within the grace period",
        with_branches,
        {"expire": "now"},
        frozenset({"one", "two", "topic"}),
        {**TWO, **MINE},
    ),
]
every_collection = pytest.mark.parametrize("one", COLLECTIONS, ids=lambda one: one.name)


def cut_everywhere(one: Collection, *, limit: int, budget: Budget, name: str) -> None:
    def check(root, acknowledged):
        one.check(root)

    explore(one.run, check, prepare=one.prepare, limit=limit, budget=budget, name=name)


@every_collection
def test_a_power_cut_during_gc_loses_nothing_that_was_to_stay(one):
    cut_everywhere(one, limit=8, budget=Budget(), name="gc (sampled)")


@pytest.mark.faults_full
@every_collection
def test_no_power_cut_during_gc_loses_anything_that_was_to_stay(one):
    cut_everywhere(one, limit=1500, budget=FULL, name=one.name)


@pytest.mark.faults_full
@every_collection
def test_a_second_power_cut_while_gc_runs_again_loses_nothing_either(one):
    def check(root, acknowledged):
        explore(
            one.run,
            lambda again, _: one.check(again),
            prepare=as_found(root),
            limit=6,
            budget=Budget(32, 2),
            name=f"{one.name}, again",
        )

    explore(one.run, check, prepare=one.prepare, limit=40)


def kill_everywhere(one: Collection, *, step: int, limit: int, name: str) -> None:
    def check(root, acknowledged):
        one.check(root)

    def act(root, disk):
        one.run(root, disk)

    at = range(0, len(places(act, prepare=one.prepare)), step)
    survive_a_kill(act, check, prepare=one.prepare, at=at, limit=limit, name=name)


def test_what_a_killed_gc_left_is_not_built_upon_before_it_is_durable():
    kill_everywhere(COLLECTIONS[1], step=41, limit=2, name="gc, killed (sampled)")


@pytest.mark.faults_full
@every_collection
def test_nothing_that_a_killed_gc_left_is_built_upon_before_it_is_durable(one):
    kill_everywhere(one, step=1, limit=12, name=f"{one.name}, killed")


def fail_everywhere(one: Collection, *, step: int) -> None:
    def act(root, disk):
        one.run(root, disk)

    number = len(places(act, prepare=one.prepare))
    for place in range(0, number, step):
        for code, forever in ((errno.ENOSPC, True), (errno.EIO, False), (errno.EROFS, True)):
            with scratch() as root:
                one.prepare(root, Disk())
                disk = FailingDisk(root, place, code, forever=forever)
                with contextlib.suppress(StorageError):
                    one.run(root, disk)
                try:
                    one.check(root)
                except Exception as error:
                    raise AssertionError(f"after {disk.struck} failed: {error}") from error


def test_a_disk_that_fails_during_gc_loses_nothing():
    fail_everywhere(COLLECTIONS[1], step=43)


@pytest.mark.faults_full
@every_collection
def test_a_disk_that_fails_anywhere_during_gc_loses_nothing(one):
    fail_everywhere(one, step=1)


class Impatient(Disk):
    """Gives up at once on a lock that is held, as the other can't go on meanwhile."""

    def lock(self, path, *, shared=False, patience=0):
        return super().lock(path, shared=shared, patience=0)


class VisitedDisk(WatchedDisk):
    """Lets ``visitor`` do its work before the primitive number ``at``."""

    def __init__(self, root, at, visitor):
        super().__init__(root)
        self.left, self.visitor = at, visitor

    def before(self, action, path):
        with self._guard:
            self.left -= 1
            turn = self.left == -1
        if turn:
            self.visitor()


def gc_beside(deed: Deed, *, step: int) -> int:
    """Let gc in at each ``step``-th call of the verb; how often it was let in and could run."""
    ran = 0
    for place in range(0, len(places(deed.run, prepare=deed.prepare)), step):
        with scratch() as root:
            deed.prepare(root, Disk())

            def collect(root: str = root) -> None:
                nonlocal ran
                with contextlib.suppress(MvcError):
                    opened(root, Impatient()).upkeep.gc(**NOW)
                    ran += 1

            # The verb may refuse to go on: what undo would have gone back to is forgotten.
            with contextlib.suppress(MvcError):
                deed.run(root, VisitedDisk(root, place, collect))
            repository = opened(root)
            assert not (problems := harms(repository, full=True)), (deed.name, place, problems)
            check_history(repository, more=True)
    return ran


def test_gc_may_come_at_any_time_of_a_verb():
    assert sum(gc_beside(deed, step=31) for deed in DEEDS[::6])


@pytest.mark.faults_full
@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.name)
def test_gc_may_come_at_every_time_of_every_verb(deed):
    assert gc_beside(deed, step=1)


def visit_everywhere(one: Collection, *, step: int) -> None:
    """A reader that was there before reads at each call of gc; a writer tries to write, too."""
    number = len(places(one.run, prepare=one.prepare))
    for place in range(0, number, step):
        with scratch() as root:
            one.prepare(root, Disk())
            reader, written = opened(root), []
            tensors = reader.load("HEAD", "model.safetensors")
            expected = {
                name: opened(root).load("HEAD", "model.safetensors")[name].tobytes()
                for name in tensors
            }
            save(root, {"other.txt": b"from the writer"})

            def visit(
                reader=reader, tensors=tensors, expected=expected, root=root, written=written
            ):
                assert {name: tensors[name].tobytes() for name in tensors} == expected
                assert [c.subject for c in opened(root).log()] == [c.subject for c in reader.log()]
                with contextlib.suppress(MvcError):
                    opened(root, Impatient()).add(["other.txt"])
                    written.append(opened(root, Impatient()).commit("other").id)

            one.run(root, VisitedDisk(root, place, visit))
            assert {name: tensors[name].tobytes() for name in tensors} == expected
            repository = opened(root)
            assert not (problems := harms(repository, full=True)), (place, problems)
            assert set(written) <= {commit.id for commit in repository.log()}


def test_readers_read_and_writers_wait_while_gc_runs():
    visit_everywhere(COLLECTIONS[1], step=31)


@pytest.mark.faults_full
@every_collection
def test_readers_read_and_writers_wait_at_every_step_of_gc(one):
    visit_everywhere(one, step=1)
