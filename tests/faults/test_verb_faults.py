"""Every verb that writes, under power cuts, kills and failing disks: P1, P2, P3, P5, P8.

The ordinary run takes a few states of some verbs; ``-m faults_full`` takes thousands, of each.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
from dataclasses import replace

import pytest
from faults.crash_states import FULL, Budget
from faults.deeds import Deed
from faults.harness import CHECKED, as_found, explore, places, scratch, survive_a_kill
from faults.recording import FailingDisk, WatchedDisk
from faults.verbs import DEEDS
from faults.worlds import opened

from mvc.errors import StorageError
from mvc.store.fs import Disk
from mvc.worktree import sharing

NAME = "deeds, a failing call"
every_verb = pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.name)


def cut_everywhere(deed: Deed, *, limit: int, budget: Budget, name: str) -> None:
    def scenario(root, disk):
        deed.run(root, disk)
        disk.acknowledge("done")

    def check(root, acknowledged):
        deed.check(root, done=bool(acknowledged))

    explore(
        scenario,
        check,
        prepare=deed.prepare,
        limit=limit,
        budget=replace(budget, parted=deed.parted),
        name=name,
    )


@pytest.mark.parametrize("deed", DEEDS[::5], ids=lambda deed: deed.name)
def test_a_power_cut_in_a_verb_leaves_a_milestone(deed):
    cut_everywhere(deed, limit=2, budget=Budget(), name="deed (sampled)")


@pytest.mark.parametrize("deed", [deed for deed in DEEDS if deed.name == "switch"])
def test_a_power_cut_in_a_checkout_that_shares_blocks_leaves_a_milestone(deed, monkeypatch):
    monkeypatch.setattr(WatchedDisk, "shares", True)
    monkeypatch.setattr(sharing, "_SMALLEST", 1)
    cut_everywhere(deed, limit=60, budget=Budget(), name="deed, sharing blocks")


@pytest.mark.faults_full
@every_verb
def test_every_power_cut_in_any_verb_leaves_a_milestone(deed):
    cut_everywhere(deed, limit=250, budget=FULL, name=f"deed: {deed.name}")


@pytest.mark.faults_full
@every_verb
def test_a_second_power_cut_while_any_verb_is_recovered_is_recovered_from(deed):
    def scenario(root, disk):
        deed.run(root, disk)
        disk.acknowledge("done")

    def recover(root, disk):
        opened(root, disk)

    def check(root, acknowledged):
        explore(
            recover,
            lambda again, _: deed.check(again, done=bool(acknowledged)),
            prepare=as_found(root),
            limit=6,
            budget=Budget(32, 2),
            name=f"deed, recovery: {deed.name}",
        )

    explore(scenario, check, prepare=deed.prepare, limit=15)


#: After a killed ``mv`` the user puts files back by hand, which no disk records; test_injection.py kills it.
KILLED = [deed for deed in DEEDS if deed.parted]


@pytest.mark.faults_full
@pytest.mark.parametrize("deed", KILLED, ids=lambda deed: deed.name)
def test_what_any_killed_verb_left_is_not_built_upon_before_it_is_durable(deed):
    def act(root, disk):
        return deed.again_or_run(root, disk)

    def check(root, acknowledged):
        deed.check(root, done=any(mark.payload for mark in acknowledged))

    everywhere = range(0, len(places(deed.run, prepare=deed.prepare)), 3)
    survive_a_kill(
        act, check, prepare=deed.prepare, at=everywhere, limit=4, name=f"deed, killed: {deed.name}"
    )


@pytest.mark.faults_full
@pytest.mark.parametrize("forever", [False, True], ids=["once", "for good"])
@every_verb
def test_any_failing_call_of_any_verb_leaves_a_milestone(deed, forever):
    """Each place with one error, the errors in turn: what mvc does then depends on the error only in words."""
    errors = itertools.cycle([errno.ENOSPC, errno.EIO, errno.EROFS, errno.EMFILE, errno.EDQUOT])
    for place in range(len(places(deed.run, prepare=deed.prepare))):
        with scratch() as root:
            deed.prepare(root, Disk())
            disk = FailingDisk(root, place, next(errors), forever=forever)
            done = False
            with contextlib.suppress(StorageError):
                deed.run(root, disk)
                done = True
            try:
                deed.check(root, done=done)
            except Exception as error:
                raise AssertionError(f"after {disk.struck} failed: {error}") from error
        CHECKED[NAME] = CHECKED.get(NAME, 0) + 1
