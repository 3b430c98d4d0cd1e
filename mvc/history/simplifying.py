"""The history of some paths, as ``git log -- PATH`` tells it: of a merge that has the paths as one of its
parents has them, only that parent's line is followed, for it alone explains how they came to be.

Source: Git's ``revision.c`` (``limit_list``, ``try_to_simplify_commit``, ``rewrite_one``); its marks have the
same names here. What an excluded commit hides is found while walking, so that even histories whose clocks went
back come out as Git's do.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from mvc.history.git import Commit, Git
from mvc.history.ordering import graph_order
from mvc.ids import CommitId
from mvc.values import dataclass

#: Whether the paths are the same in two trees; None is the empty tree.
Same = Callable[[str | None, str], bool]
#: How many commits Git looks at beyond what seems to be the end, since clocks may have lied.
_SLOP = 5


def simplified(
    git: Git,
    same: Same,
    include: Sequence[CommitId],
    exclude: Sequence[CommitId],
    *,
    topological: bool,
    first_parent: bool,
) -> Iterator[Commit]:
    """Commits that changed the paths, newest first; ``topological``: in the order of a drawing, their parents
    the next ones there are.
    """
    walk = _Walk(git, same, first_parent)
    walk.begin(include, exclude)
    if not (exclude or topological):
        yield from map(git.commit, walk.at_once())
        return
    listed = walk.limited()
    if topological:
        listed = graph_order({id_: walk.parents[id_] for id_ in listed})
    for id_ in listed:
        if id_ not in walk.uninteresting and id_ not in walk.treesame:
            commit = git.commit(id_)
            yield replace(commit, parents=walk.rewritten(id_)) if topological else commit


@dataclass(frozen=True, slots=True)
class Listed:
    """Commits by date, newest first; some may be ``uninteresting`` after all, or ``treesame``: no change.

    ``parents`` are those that a commit is followed to, known of every one that is listed.
    """

    ids: Sequence[str]
    parents: Mapping[str, Sequence[CommitId]]
    uninteresting: Collection[str]
    treesame: frozenset[str]


def listed(
    git: Git,
    same: Same | None,
    include: Sequence[CommitId],
    exclude: Sequence[CommitId],
    *,
    first_parent: bool = False,
) -> Listed:
    """What ``include`` reaches and ``exclude`` does not, as ``bisect`` needs it; without ``same`` all count."""
    walk = _Walk(git, same, first_parent)
    walk.begin(include, exclude)
    ids = walk.limited()
    return Listed(ids, walk.parents, walk.uninteresting, frozenset(walk.treesame))


class _Walk:
    def __init__(self, git: Git, same: Same | None, first_parent: bool) -> None:
        self._git = git
        self._same = same
        self._first_parent = first_parent
        #: Of each commit that was read: those it is followed to.
        self.parents: dict[str, tuple[CommitId, ...]] = {}
        self.uninteresting: set[str] = set()
        self.treesame: set[str] = set()
        self._bottom: frozenset[str] = frozenset()
        self._seen: set[str] = set()
        self._about: dict[str, tuple[int, str]] = {}
        self._waiting: list[tuple[int, int, CommitId]] = []

    def begin(self, include: Sequence[CommitId], exclude: Sequence[CommitId]) -> None:
        self._bottom = frozenset(exclude)
        self.uninteresting.update(exclude)
        for id_ in exclude:
            self._hide_parents(id_)
        for id_ in (*exclude, *include):
            self._enter(id_)

    def at_once(self) -> Iterator[CommitId]:
        """Each commit to show as soon as it is known to be the next; nothing is excluded."""
        while self._waiting:
            id_ = self._next()
            self._go_on(id_)
            if id_ not in self.treesame:
                yield id_
            del self._about[id_], self.parents[id_]

    def limited(self) -> list[str]:
        """All commits that no excluded one was found to reach, in the order of their dates."""
        found: list[str] = []
        date, slop = None, _SLOP
        while self._waiting:
            id_ = self._next()
            self._go_on(id_)
            if id_ not in self.uninteresting:
                date = self._about[id_][0]
                found.append(id_)
                continue
            self._hide_parents(id_)
            slop = _SLOP if self._unsure(date) else slop - 1
            if not slop:
                break
        return found

    def rewritten(self, id_: str) -> tuple[CommitId, ...]:
        """The parents of ``id_`` with those that show nothing left out."""
        found = dict.fromkeys(map(self._shown, self.parents[id_]))
        return tuple(parent for parent in found if parent is not None)

    def _shown(self, id_: CommitId) -> CommitId | None:
        while id_ in self.treesame and id_ not in self.uninteresting:
            parents = self.parents[id_]
            if not parents:
                return None
            if len(parents) > 1 and not self._first_parent:
                relevant = [parent for parent in parents if self._relevant(parent)]
                if len(relevant) != 1:
                    break
                parents = (relevant[0],)
            id_ = parents[0]
        return id_

    def _read(self, id_: str) -> tuple[int, str]:
        """Date and tree; from now on the parents are known."""
        if id_ not in self._about:
            commit = self._git.commit(id_)
            self._about[id_] = commit.committer.time, commit.tree
            self.parents[id_] = commit.parents
        return self._about[id_]

    def _enter(self, id_: CommitId) -> None:
        if id_ not in self._seen:
            # Of two commits of one second, Git looks first at the one that it found first.
            heapq.heappush(self._waiting, (-self._read(id_)[0], len(self._seen), id_))
            self._seen.add(id_)

    def _next(self) -> CommitId:
        return heapq.heappop(self._waiting)[2]

    def _unsure(self, date: int | None) -> bool:
        """Whether something on the list may still have to be shown."""
        if not self._waiting:
            return False
        newest = -self._waiting[0][0]
        return (date is not None and date <= newest) or any(
            id_ not in self.uninteresting for _, _, id_ in self._waiting
        )

    def _relevant(self, id_: str) -> bool:
        return id_ not in self.uninteresting or id_ in self._bottom

    def _hide_parents(self, id_: str) -> None:
        self._read(id_)
        waiting = list(self.parents[id_])
        while waiting:
            parent = waiting.pop()
            if parent not in self.uninteresting:
                self.uninteresting.add(parent)
                waiting += self.parents.get(parent, ())

    def _go_on(self, id_: str) -> None:
        """Put the parents of ``id_`` on the list."""
        self._read(id_)
        if id_ in self.uninteresting:
            for parent in self.parents[id_]:
                self.uninteresting.add(parent)
                self._hide_parents(parent)
                self._enter(parent)
            return
        self._simplify(id_)
        for parent in self.parents[id_][: 1 if self._first_parent else None]:
            self._enter(parent)

    def _simplify(self, id_: str) -> None:
        """Mark a commit that changes nothing, and follow only the parent that it is the same as."""
        tree, parents = self._about[id_][1], self.parents[id_]
        if self._same is None:
            return
        if not parents and self._same(None, tree):
            self.treesame.add(id_)
        relevant = changes = others = 0
        for number, parent in enumerate(parents):
            relevant += self._relevant(parent)
            if number and self._first_parent:
                break
            if not self._same(self._read(parent)[1], tree):
                changes += self._relevant(parent)
                others += not self._relevant(parent)
            elif self._relevant(parent):
                self.parents[id_] = (parent,)
                self.treesame.add(id_)
                return
        if parents and not (changes if relevant else others):
            self.treesame.add(id_)
