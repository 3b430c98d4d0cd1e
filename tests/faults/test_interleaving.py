"""Two writers in one repository: P5 (no lost update), with the second let in at each call of the first."""

from __future__ import annotations

import contextlib
import os

import pytest
from faults.harness import places, scratch
from faults.recording import WatchedDisk
from faults.stories import STORIES, Story
from faults.worlds import check_repository, opened, save

from mvc.errors import Locked, MvcError
from mvc.store.fs import Disk


class Impatient(Disk):
    """Gives up at once on a lock that is held, as the first writer can't go on meanwhile."""

    def lock(self, path, *, shared=False, patience=0):
        return super().lock(path, shared=shared, patience=0)


class InterruptedDisk(WatchedDisk):
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


def second_writer(root: str) -> str:
    save(root, {"other.txt": b"from the second writer"})
    opened(root, Impatient()).add(["other.txt"])
    return opened(root, Impatient()).commit("other").id


WRITING = [
    story for story in STORIES if story.name in ("second commit", "amend", "merge", "checkout")
]


@pytest.mark.parametrize("story", WRITING, ids=lambda story: story.name)
def test_no_commit_of_two_interleaved_writers_is_lost(story):
    interleave_everywhere(story, step=23)


@pytest.mark.faults_full
@pytest.mark.parametrize("story", WRITING, ids=lambda story: story.name)
def test_no_commit_of_two_writers_is_lost_wherever_they_interleave(story):
    interleave_everywhere(story, step=1)


def interleave_everywhere(story: Story, step: int) -> None:
    def act(root, disk):
        story.act(root, disk, lambda label, payload: None)

    met = 0
    for place in range(0, len(places(act, prepare=story.prepare)), step):
        with scratch() as root:
            story.prepare(root, Disk())
            met += interleave(root, story, place)
    assert met


def interleave(root: str, story: Story, place: int) -> int:
    first: dict[str, object] = {}
    second: list[str] = []

    def visit():
        with contextlib.suppress(Locked):
            second.append(second_writer(root))

    # The first may refuse to go on: it has then told nobody that it was done.
    with contextlib.suppress(MvcError):
        story.act(root, InterruptedDisk(root, place, visit), first.__setitem__)
    repository = check_repository(root, story.kept(), more=True)
    by_branch = {id_ for tip in repository.branches for id_ in (c.id for c in repository.log(tip))}
    for id_ in second:
        # An amend takes the place of the commit that HEAD names; the operation log still has it.
        assert id_ in by_branch or story.name == "amend", f"the second writer's is lost at {place}"
    if "done" in first:
        assert first["done"] in by_branch, f"the first writer's is lost at {place}"
    # A merge that meets another HEAD than it began with refuses, but has moved the files by then.
    kept = second or os.path.exists(os.path.join(repository.root, "other.txt"))
    assert kept, f"the second writer's file is in no commit and is gone at {place}"
    return len(second)
