"""Run a scenario on a recording disk, then check every state that a power cut could have left.

A check is a function ``check(root, acknowledged)``: it finds the tree of one crash state at ``root`` and
may change it (recovery does). It raises when a promise is broken.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from faults.crash_states import DEFAULT, Budget, CrashState, crash_states, digest
from faults.recording import RecordingDisk
from faults.trace import Acknowledge, read_tree, write_tree
from faults.volume import Volume

from mvc.store.fs import Disk

Scenario = Callable[[str, RecordingDisk], None]
Prepare = Callable[[str, Disk], None]
Check = Callable[[str, tuple[Acknowledge, ...]], None]

#: The states checked in this session, by the name of the scenario; nameless ones don't count.
CHECKED: dict[str, int] = {}

_REPORTED = 3


@dataclass(frozen=True, slots=True)
class Summary:
    """How much one exploration covered: ``states`` were found, ``checked`` of them were checked."""

    name: str
    steps: int
    states: int
    checked: int


class BrokenPromise(AssertionError):
    """A check failed on a crash state; the message says on which."""


@contextmanager
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

    With ``limit``, a seeded sample of that many states, which always has the last one, is checked.

    Raises:
        BrokenPromise: naming the first states on which ``check`` raised.
    """
    with scratch() as root:
        if prepare is not None:
            prepare(root, Disk())
        disk = RecordingDisk(root)
        scenario(root, disk)
        _demand_complete(disk)
    states = list(crash_states(disk.start, disk.trace, budget, seed))
    chosen = _sample(states, limit, seed)
    failures = [failure for state in chosen if (failure := _try(state, check))]
    if name is not None:
        CHECKED[name] = CHECKED.get(name, 0) + len(chosen)
    name = name or "scenario"
    if failures:
        shown = "\n\n".join(failures[:_REPORTED])
        raise BrokenPromise(f"{name}: {len(failures)} of {len(chosen)} states fail\n\n{shown}")
    return Summary(name, len(disk.trace), len(states), len(chosen))


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
    if digest(replayed) != digest(real):
        odd = sorted(
            path for path in replayed.keys() | real.keys() if replayed.get(path) != real.get(path)
        )
        raise BrokenPromise(f"changed, but not through the Disk: {', '.join(odd[:10])}")


def _sample(states: list[CrashState], limit: int | None, seed: int) -> list[CrashState]:
    if limit is None or len(states) <= limit:
        return states
    picked = random.Random(seed).sample(range(len(states) - 1), limit - 1)
    return [states[number] for number in sorted(picked)] + [states[-1]]


def _try(state: CrashState, check: Check) -> str | None:
    with scratch() as root:
        state.materialise(root)
        try:
            check(root, state.acknowledged)
        except Exception:
            return f"{state.describe()}\n{traceback.format_exc(limit=-6)}"
    return None
