"""Run a scenario on a recording disk, then check every state that a power cut could have left.

A check is a function ``check(root, acknowledged)``: it finds the tree of one crash state at ``root`` and
may change it (recovery does). It raises when a promise is broken.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import random
import shutil
import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from faults.crash_states import DEFAULT, Budget, CrashState, Cut, cuts, distinct
from faults.recording import FailingDisk, Killed, RecordingDisk
from faults.trace import Acknowledge, read_tree, write_tree
from faults.volume import Volume

from mvc.store.fs import Disk

Scenario = Callable[[str, RecordingDisk], None]
Prepare = Callable[[str, Disk], None]
Check = Callable[[str, tuple[Acknowledge, ...]], None]

#: The states checked in this session, by the name of the scenario; nameless ones don't count.
CHECKED: dict[str, int] = {}

#: After a kill the last states matter most; what comes before them other explorations see.
KILLED = Budget(exhaustive=8, random=2)

_REPORTED = 3


@dataclass(frozen=True, slots=True)
class Summary:
    """How much one exploration covered: the length of the trace, and the distinct states checked."""

    name: str
    steps: int
    states: int


class BrokenPromise(AssertionError):
    """A check failed on a crash state; the message says on which."""


@contextlib.contextmanager
def scratch() -> Iterator[str]:
    """An empty folder, in memory where the system has such a place."""
    memory = "/dev/shm"
    place = memory if os.access(memory, os.W_OK) else None
    folder = os.path.realpath(tempfile.mkdtemp(prefix="mvc-faults-", dir=place))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def explore(
    scenario: Scenario,
    check: Check,
    *,
    prepare: Prepare | None = None,
    limit: int | None = None,
    budget: Budget = DEFAULT,
    seed: int = 0,
    name: str | None = None,
) -> Summary:
    """Record ``scenario`` (after ``prepare``, whose effects are durable) and check its crash states.

    With ``limit``, a seeded sample of at most that many states is checked; half of it, where there are
    so many, follows the last acknowledgement, which binds most.

    Raises:
        BrokenPromise: naming the first states on which ``check`` raised.
    """
    with scratch() as root:
        if prepare is not None:
            prepare(root, Disk())
        disk = RecordingDisk(root)
        scenario(root, disk)
        _demand_complete(disk)
    chosen = _chosen(list(cuts(disk.start, disk.trace, budget, seed)), limit, seed)
    failures = [failure for state in chosen if (failure := _try(state, check))]
    if name is not None:
        CHECKED[name] = CHECKED.get(name, 0) + len(chosen)
    name = name or "scenario"
    if failures:
        shown = "\n\n".join(failures[:_REPORTED])
        raise BrokenPromise(f"{name}: {len(failures)} of {len(chosen)} states fail\n\n{shown}")
    return Summary(name, len(disk.trace), len(chosen))


def places(act: Callable[[str, Disk], object], *, prepare: Prepare) -> list[str]:
    """The primitives of ``act``, one by one: the places at which it can fail or be killed."""
    with scratch() as root:
        prepare(root, Disk())
        disk = FailingDisk(root, None, errno.EIO)
        act(root, disk)
        return disk.actions


def survive_a_kill(
    act: Callable[[str, Disk], object],
    check: Check,
    *,
    prepare: Prepare,
    at: Iterable[int],
    limit: int,
    name: str,
) -> None:
    """Kill ``act`` at each of the places ``at``, have a new process do it again and tell the user, then
    check crash states of all that. What the dead process left visible, but not durable, must not be
    built upon.
    """
    for number in at:

        def scenario(root: str, disk: RecordingDisk, number: int = number) -> None:
            disk.kill_at(number)
            with contextlib.suppress(Killed):
                act(root, disk)
            if disk.restart():
                disk.acknowledge("again", act(root, disk))

        explore(scenario, check, prepare=prepare, limit=limit, budget=KILLED, name=name)


def as_found(root: str) -> Prepare:
    """Begin an exploration on what now lies at ``root``, taken as durable: a crash after a crash."""
    tree = read_tree(root)
    return lambda target, _: write_tree(tree, target)


def _demand_complete(disk: RecordingDisk) -> None:
    """The trace, replayed, is the real tree: nothing was changed behind the disk's back."""
    volume = Volume.holding(disk.start)
    for step in disk.trace:
        volume.apply(step)
    replayed, real = (
        volume.after([effect.fates[0] for effect in volume.pending]),
        read_tree(disk.root),
    )
    if replayed != real:
        odd = sorted(
            path for path in replayed.keys() | real.keys() if replayed.get(path) != real.get(path)
        )
        raise BrokenPromise(f"changed, but not through the Disk: {', '.join(odd[:10])}")


def _chosen(found: list[Cut], limit: int | None, seed: int) -> list[CrashState]:
    if limit is None:
        return list(distinct(found))
    chance = random.Random(seed)
    told = len(found[-1].acknowledged)
    last = [cut for cut in found if told and len(cut.acknowledged) == told]
    others = [cut for cut in found if not told or len(cut.acknowledged) < told]
    chance.shuffle(last)
    chance.shuffle(others)
    chosen = list(itertools.islice(distinct(last), limit // 2))
    chosen += itertools.islice(distinct(others), limit - len(chosen))
    return sorted(chosen, key=lambda state: state.step)


def _try(state: CrashState, check: Check) -> str | None:
    with scratch() as root:
        state.materialise(root)
        try:
            check(root, state.acknowledged)
        except Exception:
            return f"{state.describe()}\n{traceback.format_exc(limit=-6)}"
    return None
