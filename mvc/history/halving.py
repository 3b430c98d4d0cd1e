"""Which commit to test next, as Git chooses it: the one that halves best what is left between good and bad.

Source: Git's ``bisect.c`` (``do_find_bisection``, ``skip_away``, ``estimate_bisect_steps``), to the choice
between equals, so that the same answers lead to the same commits. It reads history and changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from mvc.history.git import Git
from mvc.history.simplifying import Listed, Same, listed
from mvc.ids import CommitId
from mvc.values import dataclass

_MODULO = 32768


@dataclass(frozen=True, slots=True)
class Choice:
    """``commit`` to test; None when nothing is left but ``tried`` ones, which had to be skipped.

    ``all`` is how many commits it could still be, ``left`` how many of them after this test at most.
    """

    commit: CommitId | None
    all: int
    left: int
    tried: tuple[CommitId, ...] = ()

    @property
    def steps(self) -> int:
        """How many tests there may be after this one."""
        if self.all < 3:
            return 0
        power = self.all.bit_length() - 1
        whole = 1 << power
        return power if whole < 3 * (self.all - whole) else power - 1


def choose(
    git: Git,
    bad: CommitId,
    good: Sequence[CommitId],
    skipped: Collection[CommitId] = (),
    *,
    same: Same | None = None,
    first_parent: bool = False,
) -> Choice:
    """The next of the commits that ``bad`` reaches and no ``good`` one does; ``same`` limits them to paths."""
    found = listed(git, same, [bad], good, first_parent=first_parent)
    halving = _Halving(found, first_parent)
    if not halving.ids:
        return Choice(None, 0, 0)
    if not skipped:
        best = halving.best()
        return Choice(CommitId(best), halving.count, halving.count - halving.reach(best) - 1)
    in_order = halving.in_order()
    left = halving.count - halving.reach(in_order[0]) - 1
    if in_order[0] not in skipped:
        return Choice(CommitId(in_order[0]), halving.count, left)
    tried = tuple(CommitId(id_) for id_ in in_order if id_ in skipped)
    open_ = [id_ for id_ in in_order if id_ not in skipped]
    chosen = CommitId(_away(open_, bad)) if open_ else None
    return Choice(chosen, halving.count, left, tried)


class _Halving:
    """The commits in question, oldest first, and how many of them each one reaches."""

    def __init__(self, found: Listed, first_parent: bool) -> None:
        self.ids = [id_ for id_ in reversed(found.ids) if id_ not in found.uninteresting]
        self._found = found
        self._end = 1 if first_parent else None
        #: How many of them changed something.
        self.count = sum(id_ not in found.treesame for id_ in self.ids)
        self._reach: dict[str, int] = {}

    def reach(self, id_: str) -> int:
        """How many commits that changed something ``id_`` reaches; not known of all, once a half is found."""
        return self._reach.get(id_, 0)

    def best(self) -> str:
        """The first one found to be half-way, or the nearest to it."""
        half = self._weigh(stop=True)
        if half is not None:
            return half
        best, distance = self.ids[0], -1
        for id_ in self.ids:
            if id_ not in self._found.treesame and self._distance(id_) > distance:
                best, distance = id_, self._distance(id_)
        return best

    def in_order(self) -> list[str]:
        """All that changed something, the nearest to half-way first; one at least."""
        self._weigh(stop=False)
        changing = [id_ for id_ in self.ids if id_ not in self._found.treesame]
        return sorted(changing, key=lambda id_: (-self._distance(id_), id_)) or self.ids[:1]

    def _distance(self, id_: str) -> int:
        weight = self._reach.get(id_, -1)
        return min(weight, self.count - weight)

    def _parents(self, id_: str) -> list[str]:
        parents = self._found.parents[id_][: self._end]
        return [parent for parent in parents if parent not in self._found.uninteresting]

    def _weigh(self, *, stop: bool) -> str | None:
        """Find what each reaches; with ``stop`` until one is half-way, which is given back."""
        counted, merges = 0, []
        for id_ in self.ids:
            parents = self._parents(id_)
            if len(parents) > 1:
                merges.append(id_)
            elif not parents:
                changing = id_ not in self._found.treesame
                self._reach[id_] = int(changing)
                counted += changing
        for id_ in merges:
            self._reach[id_] = self._count(id_)
            if stop and self._halfway(id_):
                return id_
            counted += 1
        going_on = True
        while counted < self.count and going_on:
            going_on = False
            for id_ in self.ids:
                if id_ in self._reach:
                    continue
                below = next((p for p in self._parents(id_) if p in self._reach), None)
                if below is None:
                    continue
                changing = id_ not in self._found.treesame
                self._reach[id_] = self._reach[below] + changing
                counted += changing
                going_on = True
                if stop and self._halfway(id_):
                    return id_
        return None

    def _count(self, id_: str) -> int:
        seen, waiting = {id_}, [id_]
        while waiting:
            for parent in self._parents(waiting.pop()):
                if parent not in seen:
                    seen.add(parent)
                    waiting.append(parent)
        return len(seen - self._found.treesame)

    def _halfway(self, id_: str) -> bool:
        if id_ in self._found.treesame:
            return False
        off = abs(2 * self._reach[id_] - self.count)
        return off <= 1 or off < self.count // 1024


def _away(open_: Sequence[str], bad: str) -> str:
    """One of those that need not be skipped, some way off the best, for what is near it may not work either."""
    chance = ((len(open_) * 1103515245 + 12345) % 2**32 // 65536) % _MODULO
    index = (len(open_) * chance // _MODULO) * _root(chance) // _root(_MODULO)
    if index >= len(open_):
        return open_[0]
    if open_[index] == bad and index:
        return open_[index - 1]
    return open_[index]


def _root(value: int) -> int:
    """Git's integer square root."""
    if not value:
        return 0
    x, step = float(value), 1.0
    while step >= 0.5:
        y = (x + value / x) / 2
        step, x = abs(y - x), y
    return int(x)
