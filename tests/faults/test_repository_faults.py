"""Whole verbs under power cuts: P1 (atomic), P2 (durable), P5 (none lost), P8 (user files are safe).

Each check opens the repository that a cut left, which recovers it, holds it to the promises and goes on
working with it.
"""

from __future__ import annotations

import contextlib
import errno

import pytest
from faults.crash_states import FULL, Budget
from faults.harness import BrokenPromise, as_found, explore, places, scratch, survive_a_kill
from faults.recording import FailingDisk
from faults.stories import MORE, STORIES, Story
from faults.trace import SyncFile, SyncFolder
from faults.worlds import opened

from mvc.errors import StorageError
from mvc.store.fs import Disk

#: States per verb in the ordinary run; ``-m faults_full`` checks them all.
SAMPLE = 40

every_verb = pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
any_verb = pytest.mark.parametrize("story", STORIES + MORE, ids=lambda story: story.name)
#: Before there is a repository there is nothing to recover.
on_a_repository = pytest.mark.parametrize("story", STORIES[1:], ids=lambda story: story.name)


def recorded(story: Story):
    def scenario(root, disk):
        story.act(root, disk, disk.acknowledge)

    return scenario


def promises(story: Story):
    def check(root, acknowledged):
        story.check(root, {mark.label: mark.payload for mark in acknowledged})

    return check


@every_verb
def test_a_power_cut_leaves_the_old_or_the_new_and_loses_nothing(story):
    explore(
        recorded(story),
        promises(story),
        prepare=story.prepare,
        limit=SAMPLE,
        name=f"verb: {story.name}",
    )


@pytest.mark.faults_full
@any_verb
def test_every_power_cut_leaves_the_old_or_the_new_and_loses_nothing(story):
    explore(
        recorded(story),
        promises(story),
        prepare=story.prepare,
        budget=FULL,
        limit=1500,
        name=f"verb, full: {story.name}",
    )


def recover_everywhere(story: Story, limit: int, inner: int) -> None:
    """Cut the power again while the next command recovers."""

    def recover(root, disk):
        opened(root, disk)

    def check(root, acknowledged):
        explore(
            recover,
            lambda again, _: promises(story)(again, acknowledged),
            prepare=as_found(root),
            limit=inner,
            budget=Budget(32, 2),
        )

    explore(
        recorded(story),
        check,
        prepare=story.prepare,
        limit=limit,
        name=f"verb, recovery: {story.name}",
    )


@on_a_repository
def test_a_power_cut_while_recovering_loses_nothing_either(story):
    recover_everywhere(story, limit=8, inner=4)


@pytest.mark.faults_full
@on_a_repository
def test_any_power_cut_while_recovering_loses_nothing_either(story):
    recover_everywhere(story, limit=60, inner=8)


@every_verb
def test_what_a_killed_command_left_is_not_built_upon_before_it_is_durable(story):
    kill_everywhere(story, step=17, limit=3)


@pytest.mark.faults_full
@any_verb
def test_what_any_killed_command_left_is_not_built_upon_before_it_is_durable(story):
    kill_everywhere(story, step=1, limit=8)


def kill_everywhere(story: Story, step: int, limit: int) -> None:
    def check(root, acknowledged):
        story.check(root, {"done": acknowledged[-1].payload} if acknowledged else {})

    survive_a_kill(
        story.again,
        check,
        prepare=story.prepare,
        at=range(0, len(places(story.again, prepare=story.prepare)), step),
        limit=limit,
        name=f"verb, killed: {story.name}",
    )


@pytest.mark.parametrize("forever", [False, True], ids=["once", "for good"])
@every_verb
def test_a_full_disk_leaves_nothing_half_done_and_a_retry_succeeds(story, forever):
    fail_everywhere(story, errno.ENOSPC, forever=forever, step=29)


@pytest.mark.faults_full
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS])
@pytest.mark.parametrize("forever", [False, True], ids=["once", "for good"])
@any_verb
def test_any_failing_call_leaves_nothing_half_done_and_a_retry_succeeds(story, code, forever):
    fail_everywhere(story, code, forever=forever, step=1)


def fail_everywhere(story: Story, code: int, *, forever: bool, step: int) -> None:
    def act(root, disk):
        story.act(root, disk, lambda label, payload: None)

    for place in range(0, len(places(act, prepare=story.prepare)), step):
        told = {}
        with scratch() as root:
            story.prepare(root, Disk())
            disk = FailingDisk(root, place, code, forever=forever)
            with contextlib.suppress(StorageError):
                story.act(root, disk, told.__setitem__)
            try:
                story.check(root, told)
            except Exception as error:
                raise AssertionError(f"after {disk.struck} failed: {error}") from error


@pytest.mark.parametrize("forgotten", [SyncFile, SyncFolder])
@pytest.mark.parametrize("story", [STORIES[2], STORIES[5]], ids=lambda story: story.name)
def test_a_disk_that_forgets_its_syncs_is_found_out(story, forgotten):
    def scenario(root, disk):
        story.act(root, disk, disk.acknowledge)
        disk.trace = [step for step in disk.trace if not isinstance(step, forgotten)]

    with pytest.raises(BrokenPromise):
        explore(scenario, promises(story), prepare=story.prepare, limit=12)
