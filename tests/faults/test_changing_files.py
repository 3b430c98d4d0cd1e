"""Files that change while mvc reads or replaces them, and clocks that jump: P4 (bit-exact), P8 (user files)."""

from __future__ import annotations

import contextlib
import os
import random
import time

import pytest
from faults.deeds import harms
from faults.harness import CHECKED, places, scratch
from faults.recording import WatchedDisk
from faults.worlds import model, opened, save, user_files, with_branches, with_one, work

from mvc import limits
from mvc.errors import MvcError
from mvc.store.fs import Disk
from mvc.worktree.index_text import TICK
from mvc.worktree.reading import open_file

SEED = 20_240_612
MODEL = "model.safetensors"


class VisitedDisk(WatchedDisk):
    """Lets the user act before the primitive number ``at``; not when that renames the very file."""

    def __init__(self, root, at, visitor):
        super().__init__(root)
        self.left, self.visitor = at, visitor

    def before(self, action, path):
        self.left -= 1
        if self.left == -1:
            self.visitor(action, path)


def large(seed: int) -> bytes:
    """Many windows of tensors."""
    return model(**{f"t{number}": seed + number for number in range(200)})


def in_place(data: bytes):
    """Overwrite the file without replacing it, as ``numpy.memmap`` does."""

    def act(path):
        with open(path, "r+b") as file:
            file.write(data)
            file.truncate(len(data))

    return act


def anew(data: bytes):
    def act(path):
        with open(f"{path}.new", "wb") as file:
            file.write(data)
        os.replace(f"{path}.new", path)

    return act


CHANGES = {
    "rewritten in place": in_place(large(7)),
    "half rewritten": in_place(large(1)[:20_000] + large(7)[20_000:]),
    "cut short": lambda path: os.truncate(path, 30_000),
    "longer": in_place(large(1) + bytes(9)),
    "replaced": anew(large(7)),
    "gone": os.remove,
}


@pytest.fixture
def small_windows(monkeypatch):
    monkeypatch.setattr(limits, "FRAME", 4096)
    monkeypatch.setattr(limits, "WINDOW", 8192)


def staged(root: str) -> bytes | None:
    repository = opened(root)
    if MODEL not in repository.staged():
        return None
    return b"".join(map(bytes, repository.read_file(MODEL, "")))


def change_during_add(change, stride: int) -> int:
    """Let the file change at the calls of ``add``: what is staged is one state of the file, or nothing."""

    def prepare(root, disk):
        with_one(root, disk)
        save(root, {MODEL: large(1)})

    def act(root, disk):
        opened(root, disk).add([MODEL])

    tried = range(0, len(places(act, prepare=prepare)), stride)
    for place in tried:
        with scratch() as root:
            prepare(root, Disk())
            path = os.path.join(work(root), MODEL)
            before = opened(root).staged()[MODEL]
            states = [large(1)]

            def visit(*_, root=root, path=path, states=states):
                change(path)
                states.append(user_files(root).get(MODEL))

            try:
                act(root, VisitedDisk(root, place, visit))
            except MvcError as error:
                assert opened(root).staged()[MODEL] == before, error
            else:
                assert staged(root) in states, f"a mixture was staged at call {place}"
            assert not harms(opened(root))
    return len(tried)


@pytest.mark.parametrize("how", CHANGES)
def test_a_file_that_changes_during_add_is_taken_as_one_of_its_states_or_refused(
    how, small_windows
):
    change_during_add(CHANGES[how], stride=19)


@pytest.mark.faults_full
@pytest.mark.parametrize("how", CHANGES)
def test_a_file_that_changes_at_any_call_of_add_is_taken_whole_or_refused(how, small_windows):
    CHECKED["a file that changes during add"] = CHECKED.get(
        "a file that changes during add", 0
    ) + change_during_add(CHANGES[how], stride=1)


def test_what_is_recorded_is_not_read_in_the_tick_of_the_files_last_change(tmp_path):
    """The times of a file may stand still for some milliseconds: a change within them leaves no mark."""
    for number in range(3):
        path = tmp_path / f"{number}.bin"
        path.write_bytes(large(number))
        with open_file(str(tmp_path), path.name, patient=True) as opened:
            assert time.time_ns() - opened.status.st_mtime_ns >= TICK


#: What the user saves, where, while ``switch topic`` runs: an edit, an edit of what goes, a new file.
SAVES = {MODEL: b"edited", "sub/extra.bin": b"edited", "sub/deeper/new.safetensors": b"new"}


def save_during_switch(name: str, stride: int) -> int:
    def act(root, disk):
        opened(root, disk).switch("topic")

    tried = range(0, len(places(act, prepare=with_branches)), stride)
    for place in tried:
        with scratch() as root:
            with_branches(root, Disk())
            target = os.path.join(work(root), name)
            saved = []

            def visit(action, path, root=root, target=target, saved=saved):
                if path != target:  # between the last look and the rename itself nobody can look
                    save(root, {name: SAVES[name]})
                    saved.append(os.stat(target).st_ino)

            with contextlib.suppress(MvcError):
                act(root, VisitedDisk(root, place, visit))
            if saved:
                assert user_files(root).get(name) == SAVES[name], f"overwritten at call {place}"
            assert not harms(opened(root))
    return len(tried)


@pytest.mark.parametrize("name", SAVES)
def test_what_the_user_saves_while_a_checkout_runs_is_kept(name):
    save_during_switch(name, stride=13)


@pytest.mark.faults_full
@pytest.mark.parametrize("name", SAVES)
def test_what_the_user_saves_at_any_call_of_a_checkout_is_kept(name):
    CHECKED["a file saved during checkout"] = CHECKED.get(
        "a file saved during checkout", 0
    ) + save_during_switch(name, stride=1)


class JumpingClock:
    """The system's clock, off by as much as was told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.off = 0
        real, real_ns = time.time, time.time_ns
        monkeypatch.setattr(time, "time", lambda: real() + self.off)
        monkeypatch.setattr(time, "time_ns", lambda: real_ns() + self.off * 1_000_000_000)


def live_with(clock: JumpingClock, rounds: int, seed: int) -> None:
    """Edit, look, add and commit while the clock jumps: ``status`` tells the truth, no commit is lost."""
    chance = random.Random(seed)
    with scratch() as root:
        with_one(root, Disk())
        repository = opened(root)
        path = os.path.join(work(root), MODEL)
        staged = user_files(root)[MODEL]
        acknowledged = []
        for step in range(rounds):
            clock.off = chance.choice([0, 0, -400_000_000, 400_000_000, -1, 1, -3600, 7])
            match chance.randrange(7):
                case 0 | 1:
                    in_place(model(a=chance.randrange(3), b=2, c=3))(path)
                case 2:  # the times say that nothing happened
                    times = os.stat(path)
                    anew(model(a=chance.randrange(3), b=2, c=3))(path)
                    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
                case 3:
                    os.utime(path, (chance.randrange(2**32),) * 2)
                case 4:
                    repository.add([MODEL])
                    staged = user_files(root)[MODEL]
                case 5:
                    made = repository.commit(f"step {step}", allow_empty=True)
                    acknowledged.append(made.id)
                case 6:
                    repository.upkeep.gc()
            told = {delta.path for delta in repository.status().unstaged}
            assert told == ({MODEL} if user_files(root)[MODEL] != staged else set()), step
        assert acknowledged == [c.id for c in repository.log()][::-1][1:]
        assert not harms(repository, full=True)


def test_status_and_history_are_right_whatever_the_clock_says(monkeypatch):
    live_with(JumpingClock(monkeypatch), 20, SEED)


@pytest.mark.faults_full
@pytest.mark.parametrize("turn", range(10))
def test_status_and_history_are_right_however_the_clock_jumps(monkeypatch, turn):
    live_with(JumpingClock(monkeypatch), 150, SEED + turn)
    CHECKED["steps under a jumping clock"] = CHECKED.get("steps under a jumping clock", 0) + 150
