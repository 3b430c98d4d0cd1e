"""A verb as a deed: what a repository looks like before it, at each of its milestones, and after it.

A ``Story`` (``stories.py``) says by hand what must hold. A ``Deed`` finds out: it is done once without
faults, a picture is taken at each milestone, and whatever a fault leaves must, once recovered, be one of
these pictures. Commit ids are part of a picture, so nothing may differ by as much as a byte.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from faults.harness import scratch
from faults.worlds import Files, check_repository, git_agrees, opened, user_files

from mvc.history.refs import OPERATIONS
from mvc.repository import Repository
from mvc.store.fs import Disk

Act = Callable[[Repository], object]


@dataclass(frozen=True)
class Picture:
    """All that a user can see: refs but the operation log's end, options, and the files of the work tree."""

    refs: tuple[tuple[str, str], ...]
    config: tuple[tuple[str, str], ...]
    files: Files

    def same_repository(self, other: Picture) -> bool:
        return (self.refs, self.config) == (other.refs, other.config)


def picture(root: str, disk: Disk | None = None) -> Picture:
    repository = opened(root, disk)
    refs = dict(repository._context.refs.list("refs/"))
    refs.pop(OPERATIONS, None)
    refs["HEAD"] = repository._context.refs.raw("HEAD") or ""
    options = tuple(repository.config.list())
    return Picture(tuple(sorted(refs.items())), options, user_files(root))


def harms(repository: Repository, *, full: bool = False) -> list[str]:
    """What ``fsck`` finds; notes on what only takes time or room don't count."""
    found = repository.upkeep.fsck(full=full)
    return [f"{one.where}: {one.message}" for one in found if not one.harmless]


@dataclass(frozen=True)
class Deed:
    """``prepare`` makes the world; ``steps`` are what the verb does, one operation or less each.

    ``act`` is the verb itself; without it, the steps one after another. ``again`` is what the user types
    after a fault when that is not simply the verb again.
    """

    name: str
    prepare: Callable[[str, Disk], None]
    steps: tuple[Act, ...]
    act: Act | None = None
    again: Act | None = None
    #: Files that may be gone: the verb was told to remove them.
    doomed: frozenset[str] = field(default_factory=frozenset)
    #: Whether a rename across folders may be cut in two: ``mv`` is safe only where it is one step.
    parted: bool = True
    #: Whether the refs move before the files, as where they hold what the files lose. Else they move after.
    refs_first: bool = False
    #: Whether all that can be seen stays as it is.
    quiet: bool = False

    def run(self, root: str, disk: Disk) -> None:
        repository = opened(root, disk)
        for step in (self.act,) if self.act else self.steps:
            step(repository)

    def again_or_run(self, root: str, disk: Disk) -> bool:
        """What the user does after a fault; False when all is done already, so that nobody is told."""
        last = _clean(self)[0][-1]
        if picture(root, disk) == last and not self.quiet:
            return False
        if self.again is not None:
            self.again(opened(root, disk))
        else:
            self.run(root, disk)
        return True

    def check(self, root: str, *, done: bool) -> None:
        """Hold what a fault left to the promises, then go on from there to the end."""
        pictures, kept = _clean(self)
        files = user_files(root)
        self._check_files(files, pictures)
        repository = check_repository(root, kept)
        found = picture(root)
        assert found.files == files, "recovery changed the user's files"
        assert any(found.same_repository(one) for one in pictures), f"half done: {found.refs}"
        first = pictures[0] if self.refs_first else pictures[-1]
        if found.same_repository(first) and not pictures[0].same_repository(pictures[-1]):
            assert files == first.files, "files and refs moved in the wrong order"
        assert not done or found == pictures[-1], "what was acknowledged is not there"
        assert not (problems := harms(repository, full=True)), problems
        if hash(found.refs) % 16 == 0:
            git_agrees(root)
        self._go_on(root, found, pictures[-1])

    def _go_on(self, root: str, found: Picture, last: Picture) -> None:
        self.again_or_run(root, Disk())
        assert picture(root) == last, "running it again leads elsewhere"
        if hash(last.refs + found.refs) % 4 == 0:
            assert not (problems := harms(opened(root))), problems

    def _check_files(self, found: Files, pictures: tuple[Picture, ...]) -> None:
        """P8: each path holds what it held at some milestone, and no content is lost on its way."""
        paths = {path for one in pictures for path in one.files} | found.keys()
        for path in paths:
            allowed = [one.files.get(path) for one in pictures]
            assert found.get(path) in allowed, f"{path} is neither the old file nor the new one"
        for path, content in pictures[0].files.items():
            if path not in self.doomed and all(content in one.files.values() for one in pictures):
                assert content in found.values(), f"the content of {path} is lost"


@cache
def _clean(deed: Deed) -> tuple[tuple[Picture, ...], frozenset[str]]:
    """The pictures of a run without faults, and the commits that were there before."""
    with scratch() as root:
        deed.prepare(root, Disk())
        kept = {commit.id for commit in opened(root).log(all=True)}
        pictures = [picture(root)]
        for step in deed.steps:
            step(opened(root))
            pictures.append(picture(root))
    if deed.act is not None:
        with scratch() as root:
            deed.prepare(root, Disk())
            deed.act(opened(root))
            assert picture(root) == pictures[-1], f"{deed.name}: the steps lead elsewhere"
    assert (pictures[-1] == pictures[0]) == deed.quiet, f"{deed.name} does too much, or nothing"
    return tuple(pictures), frozenset(kept)
