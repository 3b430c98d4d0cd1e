"""The verbs that are cut short, each with what must hold wherever that happens, and how to go on."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from faults.harness import scratch
from faults.worlds import (
    AMENDED,
    HOLDS,
    MERGED,
    ONE,
    TOPIC,
    TWO,
    WHO,
    Files,
    begun,
    check_history,
    check_repository,
    git_agrees,
    opened,
    save,
    user_files,
    with_branches,
    with_one,
    with_two,
    work,
)

import mvc
from mvc.store.fs import Disk

#: Says to the user that something is done: a label, and the commit that it made.
Tell = Callable[[str, object], None]
MINE = {"mine.txt": b"not tracked"}
EDITED = {"config.json": b'{"layers": 99, "saved": false}\n'}


@dataclass(frozen=True)
class Story:
    """``act`` turns the work tree ``before`` into ``after`` and HEAD's subject from ``old`` to ``new``.

    Where the two trees are equal, the verb may not touch the user's files at all.
    """

    name: str
    prepare: Callable[[str, Disk], None]
    act: Callable[[str, Disk, Tell], None]
    old: str | None
    new: str | None
    before: Files = field(default_factory=dict)
    after: Files = field(default_factory=dict)
    #: The branches that there are in the end, where that is the point.
    branches: frozenset[str] = frozenset()

    def again(self, root: str, disk: Disk | None = None) -> str | None:
        """Go on from wherever a cut left it: the user runs the command again, unless it is done."""
        disk = disk or Disk()
        if self.old == self.new or _subject(root, disk) != self.new:
            self.act(root, disk, lambda label, payload: None)
        return opened(root, disk).head

    def check(self, root: str, told: dict[str, object]) -> None:
        """Hold what a cut left to the promises, then work on with it."""
        found = user_files(root)
        self._check_files(found)
        if os.path.exists(os.path.join(work(root), ".mvc", "HEAD")):
            self._check_repository(root, told)
            assert user_files(root) == found, "recovery changed the user's files"
        else:
            assert self.name == "init" and not told, "the repository is gone"
        self.again(root)
        repository = check_repository(root, self.kept())
        assert _subject(root) == self.new
        assert user_files(root) == self.after
        assert not self.branches or repository.branches.keys() == self.branches
        assert "add" not in told or set(repository.staged()) == set(HOLDS[self.new or ""])

    def _check_files(self, found: Files) -> None:
        for path in {*found, *self.before, *self.after}:
            allowed = {self.before.get(path), self.after.get(path)}
            assert found.get(path) in allowed, f"{path} is neither the old file nor the new one"

    def _check_repository(self, root: str, told: dict[str, object]) -> None:
        commits = {value for value in told.values() if isinstance(value, str)}
        repository = check_repository(root, self.kept() | commits)
        assert _subject(root) in (self.old, self.new)
        if "add" in told:
            assert set(repository.staged()) == set(HOLDS[self.new or ""]), "what was added is lost"
        if "done" in told:
            assert _subject(root) == self.new
            assert user_files(root) == self.after
            assert told["done"] == repository.head
        if hash(repository.head or "") % 16 == 0:
            git_agrees(root)

    def kept(self) -> set[str]:
        """The commits that were there before: none of them may ever be lost."""
        return _commits(self.prepare)


@cache
def _commits(prepare: Callable[[str, Disk], None]) -> set[str]:
    with scratch() as root:
        prepare(root, Disk())
        if not os.path.exists(os.path.join(work(root), ".mvc", "HEAD")):
            return set()
        reached = check_history(opened(root))
        return {id_ for name, ids in reached.items() if "refs/heads" in name for id_ in ids}


def _subject(root: str, disk: Disk | None = None) -> str | None:
    repository = opened(root, disk)
    return repository.read_commit().subject if repository.head else None


def _nothing(root: str, disk: Disk) -> None:
    os.mkdir(work(root))


def _init(root: str, disk: Disk, tell: Tell) -> None:
    tell("done", mvc.init(work(root), who=WHO, disk=disk).head)


def _committing(message: str, *, amend: bool = False) -> Callable[[str, Disk, Tell], None]:
    def act(root: str, disk: Disk, tell: Tell) -> None:
        opened(root, disk).add(sorted(HOLDS[message]))
        tell("add", None)
        tell("done", opened(root, disk).commit(message, amend=amend).id)

    return act


def _merge(root: str, disk: Disk, tell: Tell) -> None:
    tell("done", opened(root, disk).merge("topic", message="merged").commit)


def _switch(root: str, disk: Disk, tell: Tell) -> None:
    repository = opened(root, disk)
    repository.switch("topic")
    tell("done", repository.head)


def _on_top(prepare: Callable[[str, Disk], None], files: Files) -> Callable[[str, Disk], None]:
    def then(root: str, disk: Disk) -> None:
        prepare(root, disk)
        save(root, files)

    return then


def _reset(root: str, disk: Disk, tell: Tell) -> None:
    tell("done", opened(root, disk).reset("HEAD~1", mode="hard"))


def _undo(root: str, disk: Disk, tell: Tell) -> None:
    repository = opened(root, disk)
    repository.undo()
    tell("done", repository.head)


def _revert(root: str, disk: Disk, tell: Tell) -> None:
    tell("done", opened(root, disk).revert("HEAD").commit)


def _rename(root: str, disk: Disk, tell: Tell) -> None:
    repository = opened(root, disk)
    if "topic" in repository.branches:
        repository.branches.rename("topic", "topic/below")
    tell("done", repository.head)


#: What the durability of the spine is claimed for.
STORIES = [
    Story("init", _nothing, _init, None, None),
    Story("first commit", _on_top(begun, ONE), _committing("one"), None, "one", ONE, ONE),
    Story("second commit", _on_top(with_one, TWO), _committing("two"), "one", "two", TWO, TWO),
    Story(
        "amend",
        _on_top(with_two, AMENDED),
        _committing("two, amended", amend=True),
        "two",
        "two, amended",
        AMENDED,
        AMENDED,
    ),
    Story("merge", with_branches, _merge, "two", "merged", {**TWO, **MINE}, {**MERGED, **MINE}),
    Story(
        "checkout",
        _on_top(with_branches, EDITED),
        _switch,
        "two",
        "topic",
        {**TWO, **MINE, **EDITED},
        {**TOPIC, **MINE, **EDITED},
    ),
]

#: Other ways to move refs and files, for the full run.
MORE = [
    Story(
        "reset",
        _on_top(with_two, MINE),
        _reset,
        "two",
        "one",
        {**TWO, **MINE},
        {**ONE, **MINE},
    ),
    Story("undo", with_two, _undo, "two", "one", TWO, TWO),
    Story("revert", with_two, _revert, "two", 'Revert "two"', TWO, ONE),
    Story(
        "rename",
        with_branches,
        _rename,
        "two",
        "two",
        {**TWO, **MINE},
        {**TWO, **MINE},
        frozenset({"main", "topic/below"}),
    ),
]
