"""SIGKILL, ENOSPC, EIO, EROFS, EMFILE at each mutating system call of whole commands: P1, P3, P5, P8."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from faults.deeds import Deed
from faults.harness import CHECKED, scratch
from faults.injection import KILL, Injector, Point, available
from faults.trace import Tree, read_tree, write_tree
from faults.verbs import BY_NAME
from faults.worlds import work

from mvc.store.fs import Disk

WHY_NOT = available()
pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=WHY_NOT or "")

#: The command line, and the deed that says what it must do.
COMMANDS = {
    "add": (["add", "-A"], "add -A"),
    "commit": (["commit", "-m", "staged"], "commit"),
    "merge": (["merge", "topic"], "merge, clean"),
    "checkout": (["checkout", "topic"], "switch"),
    "rm": (["rm", "sub/extra.bin", "config.json"], "rm"),
    "mv": (["mv", "config.json", "settings.json"], "mv"),
    "undo": (["undo"], "undo, a switch"),
    "gc": (["gc", "--expire=never"], "gc"),
    "stash": (["stash", "push", "-m", "words"], "stash"),
}
commands = pytest.mark.parametrize("name", COMMANDS)


@pytest.fixture(scope="module")
def injector() -> Iterator[Injector]:
    with scratch() as folder:
        injector = Injector(folder)
        yield injector
        injector.close()


def strike_everywhere(injector: Injector, name: str, choose: Callable[[list[Point]], list[Point]]):
    words, deed_name = COMMANDS[name]
    deed = BY_NAME[deed_name]
    with scratch() as root:
        deed.prepare(root, Disk())
        start = read_tree(root)
    with scratch() as root:
        write_tree(start, root)
        ended, points = injector.points(work(root), words)
        assert ended.code == 0, ended
        deed.check(root, done=True)
    failures = []
    for point in choose(points):
        failure = strike(injector, deed, start, words, point)
        failures += [failure] if failure else []
        key = f"system calls: {name}, {point.fault}"
        CHECKED[key] = CHECKED.get(key, 0) + 1
    assert not failures, f"{len(failures)} fail\n\n" + "\n\n".join(failures[:20])


def strike(
    injector: Injector, deed: Deed, start: Tree, words: list[str], point: Point
) -> str | None:
    """What promise the fault at ``point`` broke."""
    with scratch() as root:
        write_tree(start, root)
        ended = injector.strike(work(root), words, point)
        try:
            check_ending(ended, point)
            deed.check(root, done=ended.code == 0)
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            return f"{point}\nexit {ended.code}: {ended.text}\n{text[:1500]}"
    return None


def check_ending(ended, point):
    if ended.code == 0:
        return  # it was needed by no promise: a cache, the cleaning up
    assert "Traceback" not in ended.text and "a bug in mvc" not in ended.text, "no message"
    if point.fault == KILL:
        assert ended.code == -9
        return
    assert ended.code == 30, "not the exit code of a storage error"
    assert "error: " in ended.text, "no message"


@pytest.mark.parametrize("name", ["add", "commit", "gc"])
def test_a_fault_at_a_system_call_leaves_a_milestone(injector, name):
    strike_everywhere(injector, name, lambda points: points[:: max(1, len(points) // 4)])


@pytest.mark.faults_full
@commands
def test_any_fault_at_any_system_call_leaves_a_milestone(injector, name):
    strike_everywhere(injector, name, lambda points: points[:: int(os.environ.get("STRIDE", "1"))])
