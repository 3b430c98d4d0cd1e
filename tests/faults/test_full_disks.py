"""Real full disks: a tmpfs of every size between too small and enough, then enlarged: P1, P3, P5, P8."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from faults.deeds import Deed
from faults.harness import CHECKED, scratch
from faults.trace import Tree, read_tree, write_tree
from faults.verbs import BY_NAME

from mvc.errors import OutOfSpace
from mvc.store.fs import Disk

PAGE = 4096
#: More room than any of the verbs can need, in pages.
ENOUGH = 4096
VERBS = ["add -A", "commit", "merge, clean", "switch", "rm", "mv", "undo, a switch"]


@contextmanager
def tmpfs(folder: str, **options: int) -> Iterator[None]:
    words = ",".join(f"{name}={value}" for name, value in options.items())
    subprocess.run(["mount", "-t", "tmpfs", "-o", words, "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def why_not() -> str | None:
    """Why no small disk can be made here; None when it can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "needs Linux and root to mount a tmpfs"
    with scratch() as folder:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "tmpfs", folder], capture_output=True, check=False
        )
        if done.returncode:
            return "mounting is not allowed here"
        subprocess.run(["umount", folder], check=True)
    return None


WHY_NOT = why_not()
pytestmark = [
    pytest.mark.faults_full,
    pytest.mark.skipif(WHY_NOT is not None, reason=WHY_NOT or ""),
]


def used(folder: str, what: str) -> int:
    found = os.statvfs(folder)
    if what == "size":
        return (found.f_blocks - found.f_bfree) * found.f_frsize // PAGE
    return found.f_files - found.f_ffree


def attempt(deed: Deed, start: Tree, what: str, room: int) -> bool:
    """Whether ``deed`` succeeded with ``room`` pages (or files) on the disk; the promises hold anyway."""
    limit = room * PAGE if what == "size" else room
    with scratch() as root, tmpfs(root, **{what: ENOUGH * (PAGE if what == "size" else 1)}):
        write_tree(start, root)
        subprocess.run(["mount", "-o", f"remount,{what}={limit}", root], check=True)
        try:
            deed.run(root, Disk())
            done = True
        except OutOfSpace as error:
            assert error.hint == "free some space, then run the same command again" or (
                error.hint and "recorded" in error.hint
            )
            done = False
        enough = ENOUGH * PAGE if what == "size" else ENOUGH
        subprocess.run(["mount", "-o", f"remount,{what}={enough}", root], check=True)
        deed.check(root, done=done)
    return done


@pytest.mark.parametrize("what", ["size", "nr_inodes"])
@pytest.mark.parametrize("name", VERBS)
def test_on_a_disk_of_any_size_nothing_is_half_done_and_with_more_room_a_retry_succeeds(name, what):
    deed = BY_NAME[name]
    with scratch() as root, tmpfs(root, size=ENOUGH * PAGE):
        deed.prepare(root, Disk())
        start = read_tree(root)
    with scratch() as root, tmpfs(root, size=ENOUGH * PAGE):
        write_tree(start, root)
        least = used(root, what)
    room, succeeded, tried = least, 0, 0
    while succeeded < 3:  # a little more room than is needed must do too
        succeeded += attempt(deed, start, what, room)
        room, tried = room + 1, tried + 1
        assert tried < 400, "it never succeeds"
    assert tried > 3, "it never failed"
    CHECKED[f"full disks: {what} {name}"] = tried
