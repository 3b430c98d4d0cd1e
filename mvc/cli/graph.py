"""The drawing beside ``log --graph``, character for character Git's.

Source: Git's ``graph.c`` (2.25 and later), whose states and names of things these are. A *column* is a commit
that a line waits for; the *mapping* says, for each character of a line between two commits, which of the next
columns the edge there leads to. Edges step to the left, line by line, until each stands at its column.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

import click

from mvc.history.git import Commit

_COLORS = ("red", "green", "yellow", "blue", "magenta", "cyan")


class Graph:
    """Fed commits with every child before its parents; draws only edges to ``shown`` commits (None: all)."""

    def __init__(self, shown: Collection[str] | None = None, *, first_parent: bool = False) -> None:
        self._shown = shown
        self._first_parent = first_parent
        self._commit = ""
        self._parents: list[str] = []
        self._columns: list[str] = []
        self._next: list[str] = []
        self._mapping: list[int] = []
        self._old_mapping: list[int] = []
        self._width = 0
        self._at = self._previous_at = 0
        self._edges = self._previous_edges = 0
        #: 0 where a merge's first parent lies to its left, 1 where it goes straight down.
        self._layout = 0
        self._expansion = 0
        self._line: Callable[[], str] = self._padding
        self._before: Callable[[], str] = self._padding

    def draw(self, commit: Commit, text: Sequence[str]) -> Iterator[str]:
        """``text``, its first line beside the commit, with the drawing in front; then what joins columns."""
        self._update(commit)
        head, *rest = text
        while self._line != self._commit_line:
            yield self._drawn("")
        yield self._drawn(head)
        for line in rest:
            yield self._drawn(line)
        while self._line != self._padding:
            yield self._drawn("")

    def _drawn(self, text: str) -> str:
        line = self._line()
        blanks = " " * (self._width - len(click.unstyle(line)))
        return f"{line}{blanks}{text}".rstrip()

    def _turn(self, line: Callable[[], str]) -> None:
        self._before, self._line = self._line, line

    def _update(self, commit: Commit) -> None:
        """Git's ``graph_update``: the columns after this commit, and how the edges get there."""
        parents = commit.parents[:1] if self._first_parent else commit.parents
        self._commit = commit.id
        self._parents = [p for p in parents if self._shown is None or p in self._shown]
        self._previous_at, self._previous_edges = self._at, self._edges
        self._columns, self._next = self._next, []
        self._mapping = [-1] * (2 * (len(self._columns) + len(self._parents)))
        self._width = self._edges = 0
        for at, waited in enumerate(self._places()):
            if waited != commit.id:
                self._insert(waited, -1)
                continue
            self._at, self._layout = at, -1
            for parent in self._parents:
                self._insert(parent, at)
            if not self._parents:
                self._width += 2
        while len(self._mapping) > 1 and self._mapping[-1] < 0:
            self._mapping.pop()
        self._expansion = 0
        self._line = self._pre_commit if self._needs_room() else self._commit_line

    def _places(self) -> list[str]:
        """The columns of this line; the commit has one of its own at the end if none waited for it."""
        waited = self._commit in self._columns
        return self._columns if waited else [*self._columns, self._commit]

    def _insert(self, id_: str, at: int) -> None:
        if id_ not in self._next:
            self._next.append(id_)
        column = self._next.index(id_)
        if len(self._parents) > 1 and at > -1 and self._layout == -1:
            distance = at - column
            shift = 2 * distance - 3 if distance > 1 else 1
            self._layout = 0 if distance > 0 else 1
            self._edges = len(self._parents) + self._layout - 2
            place = self._width + (self._layout - 1) * shift
            self._width += 2 * self._layout
        elif self._edges > 0 and column == self._mapping[self._width - 2]:
            # Found in the last column that was there before: the two edges join at once.
            place, self._edges = self._width - 2, -1
        else:
            place = self._width
            self._width += 2
        self._mapping[place] = column

    def _needs_room(self) -> bool:
        """Whether an octopus must first push the columns on its right away."""
        return (
            len(self._parents) >= 3
            and self._at < len(self._columns) - 1
            and self._expansion < 2 * self._dashes()
        )

    def _dashes(self) -> int:
        return len(self._parents) + self._layout - 3

    def _settled(self) -> bool:
        return all(to < 0 or to == place // 2 for place, to in enumerate(self._mapping))

    def _pushed(self, at: int) -> bool:
        return self._before == self._post_merge and self._previous_at < at

    def _padding(self) -> str:
        return "".join(_colored("|", n) + " " for n in range(len(self._next)))

    def _pre_commit(self) -> str:
        drawn, seen = "", False
        for at, waited in enumerate(self._columns):
            if waited == self._commit:
                seen = True
                drawn += _colored("|", at) + " " * self._expansion
            elif seen and (self._expansion or self._pushed(at)):
                drawn += _colored("\\", at)
            else:
                drawn += _colored("|", at)
            drawn += " "
        self._expansion += 1
        if not self._needs_room():
            self._turn(self._commit_line)
        return drawn

    def _commit_line(self) -> str:
        drawn, seen = "", False
        for at, waited in enumerate(self._places()):
            if waited == self._commit:
                seen = True
                drawn += "*" + self._octopus()
            elif seen and (
                self._edges > 1
                or (self._edges == 1 and self._previous_edges > 0 and self._pushed(at))
            ):
                drawn += _colored("\\", at)
            elif not (seen and self._edges == 1) and self._slid(at):
                drawn += _colored("/", at)
            else:
                drawn += _colored("|", at)
            drawn += " "
        if len(self._parents) > 1:
            self._turn(self._post_merge)
        else:
            self._turn(self._padding if self._settled() else self._collapsing)
        return drawn

    def _slid(self, at: int) -> bool:
        """Whether the line above was still on its way to this column."""
        above, here = self._old_mapping[2 * at + 1 : 2 * at + 2], self._mapping[2 * at : 2 * at + 1]
        return self._before == self._collapsing and above == [at] and here < [at]

    def _octopus(self) -> str:
        if len(self._parents) < 3:
            return ""
        dashes = range(self._dashes())
        # Past the mapping's end, where an edge joins another at once, Git's own colour is by chance.
        columns = [*self._mapping[2 * self._at + 4 :: 2], *([0] * len(dashes))]
        return "".join(_colored("-." if n == dashes[-1] else "--", columns[n]) for n in dashes)

    def _post_merge(self) -> str:
        drawn, seen, above = "", False, -1
        for at, waited in enumerate(self._places()):
            if waited == self._commit:
                seen = True
                drawn += self._parents_edges()
            elif seen:
                drawn += _colored("\\" if self._edges > 0 else "|", at) + " "
            else:
                drawn += _colored("|", at)
                if self._layout or at != self._at - 1:
                    drawn += _colored("_", above) if above >= 0 else " "
            if waited == self._parents[0]:
                above = at
        self._turn(self._padding if self._settled() else self._collapsing)
        return drawn

    def _parents_edges(self) -> str:
        drawn, slope = "", self._layout
        for number, parent in enumerate(self._parents):
            drawn += _colored("/|\\"[slope], self._next.index(parent))
            if slope < 2:
                slope += 1
            elif self._edges > 0 or number < len(self._parents) - 1:
                drawn += " "
        return drawn + " " if self._edges == 0 else drawn

    def _collapsing(self) -> str:
        old, new = self._mapping, [-1] * len(self._mapping)
        edge = goal = -1
        for place, to in enumerate(old):
            if to < 0:
                continue
            if to * 2 == place:
                new[place] = to
            elif new[place - 1] == to:
                pass  # it has joined the edge beside it
            else:
                step = 1 if new[place - 1] < 0 else 2  # 2: across the edge in between
                new[place - step] = to
                if edge == -1:
                    # The first may go all the way at once, along the foot of the line.
                    edge, goal = place - step + 1, to
                    for along in range(to * 2 + 3, place - 2, 2):
                        new[along] = to
        self._mapping, self._old_mapping = new, list(new)
        if new[-1] < 0:
            new.pop()
        drawn = self._sliding(edge, goal)
        if self._settled():
            self._turn(self._padding)
        else:
            self._turn(self._collapsing)
        return drawn

    def _sliding(self, edge: int, goal: int) -> str:
        drawn, along = "", False
        for place, to in enumerate(self._mapping):
            if to < 0:
                drawn += " "
            elif to * 2 == place:
                drawn += _colored("|", to)
            elif to == goal and place != edge - 1:
                if place != to * 2 + 3:
                    self._mapping[place] = -1
                along = True
                drawn += _colored("_", to)
            else:
                if along and place < edge:
                    self._mapping[place] = -1
                drawn += _colored("/", to)
        return drawn


def _colored(mark: str, column: int) -> str:
    return click.style(mark, fg=_COLORS[column % len(_COLORS)])
