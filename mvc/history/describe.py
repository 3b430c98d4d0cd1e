"""A name for a commit from the tags near it: ``git describe``, choice for choice.

Source: Git's ``builtin/describe.c`` (``get_name``, ``replace_name``, ``describe_commit``,
``finish_depth_computation``). Of the tags that a commit reaches, the one with the fewest commits that it does
not reach itself gives the name. What a later tag is that holds a commit, ``name_rev.py`` says.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from fnmatch import fnmatchcase

from mvc.errors import UsageError
from mvc.history.context import Context
from mvc.history.git import Commit
from mvc.history.refs import TAGS
from mvc.ids import CommitId
from mvc.values import dataclass

#: How many tags are weighed before the search is given up, unless told otherwise.
CANDIDATES = 10
#: Fewer digits of an id than these mean nothing.
_SHORTEST = 4


@dataclass(frozen=True, slots=True)
class Description:
    """``text`` is the name; ``tag`` the one it stands on, if any, and ``distance`` how far away that is."""

    text: str
    commit: CommitId
    tag: str | None = None
    distance: int = 0


@dataclass(frozen=True, slots=True)
class Choice:
    """Which refs may give a name: annotated tags, with ``tags`` all of them, with ``all`` every ref.

    ``match`` and ``exclude`` are globs of their short names; ``candidates`` is how many are weighed.
    """

    tags: bool = False
    all: bool = False
    match: Sequence[str] = ()
    exclude: Sequence[str] = ()
    candidates: int = CANDIDATES
    first_parent: bool = False


@dataclass(frozen=True, slots=True)
class _Name:
    """A ref; ``rank`` is 2 of an annotated tag, 1 of another one, 0 of a branch."""

    name: str
    rank: int
    time: int


@dataclass(slots=True)
class _Candidate:
    name: _Name
    depth: int
    order: int

    @property
    def mark(self) -> int:
        """The bit of all commits that it reaches."""
        return 1 << self.order


def describe(
    context: Context,
    commit: CommitId,
    choice: Choice,
    *,
    abbrev: int = 7,
    long: bool = False,
    always: bool = False,
) -> Description:
    """The name of ``commit``: ``v1.0-3-g5af01b2``. ``abbrev`` 0 leaves out all but the tag.

    Raises:
        UsageError: no tag describes it.
    """
    names = _names(context, choice)
    exact = names.get(commit)
    if exact is not None and _counts(exact, choice):
        text = exact.name + (_suffix(context, 0, commit, abbrev) if long else "")
        return Description(text, commit, exact.name)
    if not choice.candidates:
        raise UsageError(f"no tag exactly matches '{commit}'", hint="mvc describe --tags")
    walk = _Walk(context, names, choice)
    best = walk.nearest(commit)
    if best is not None:
        suffix = _suffix(context, best.depth, commit, abbrev) if abbrev else ""
        return Description(best.name.name + suffix, commit, best.name.name, best.depth)
    if always:
        return Description(short(context, commit, abbrev), commit)
    if walk.passed_over:
        raise UsageError(
            f"no annotated tags can describe '{commit}'",
            hint="there are tags without a message: mvc describe --tags",
        )
    raise UsageError(
        f"no tags can describe '{commit}'", hint="mvc describe --always, or mvc tag -a NAME"
    )


def allowed(name: str, choice: Choice) -> bool:
    """Whether the globs let a short name be used."""
    if any(fnmatchcase(name, glob) for glob in choice.exclude):
        return False
    return not choice.match or any(fnmatchcase(name, glob) for glob in choice.match)


def _bare(name: str) -> str:
    return name.removeprefix("tags/").removeprefix("heads/")


def short(context: Context, id_: str, digits: int) -> str:
    """The first ``digits`` of an id, or as many more as set it apart from all others."""
    for length in range(max(digits, _SHORTEST), len(id_)):
        try:
            if context.git.expand(id_[:length]) == id_:
                return id_[:length]
        except UsageError:
            continue
    return id_


def _suffix(context: Context, depth: int, id_: CommitId, abbrev: int) -> str:
    return f"-{depth}-g{short(context, id_, abbrev)}"


def _counts(name: _Name, choice: Choice) -> bool:
    return choice.tags or choice.all or name.rank == 2


def _names(context: Context, choice: Choice) -> dict[str, _Name]:
    """The best ref of each commit that has one."""
    found: dict[str, _Name] = {}
    for ref, id_ in sorted(context.refs.list("refs/" if choice.all else TAGS).items()):
        name = ref.removeprefix("refs/") if choice.all else ref.removeprefix(TAGS)
        if ref.startswith("refs/mvc/") or not allowed(_bare(name), choice):
            continue
        target, rank, time = id_, int(ref.startswith(TAGS)), 0
        while context.git.kind(target) == "tag":
            if target == id_:
                tagger, _ = context.git.tag_message(target)
                rank, time = 2, tagger.time if tagger else 0
            target = context.git.tag_target(target)
        known = found.get(target)
        if known is None or (known.rank, known.time) < (rank, time):
            found[target] = _Name(name, rank, time)
    return found


class _Walk:
    """From the commit back, newest first, every commit with a bit for each tag that reaches it."""

    def __init__(self, context: Context, names: dict[str, _Name], choice: Choice) -> None:
        self._git = context.git
        self._names = names
        self._choice = choice
        self._marks: dict[str, int] = {}
        self._waiting: list[tuple[int, int, Commit]] = []
        self._entered = 0
        self._found: list[_Candidate] = []
        #: Whether there were tags that do not count.
        self.passed_over = False

    def nearest(self, start: CommitId) -> _Candidate | None:
        """The tag with the fewest commits between."""
        self._marks[start] = 1
        self._enter(self._git.commit(start))
        self._weigh()
        if not self._found:
            return None
        best = min(self._found, key=lambda one: (one.depth, one.order))
        self._finish(best)
        return best

    def _weigh(self) -> None:
        seen = 0
        while self._waiting:
            commit = self._next()
            seen += 1
            name = self._names.get(commit.id)
            if name is not None and not _counts(name, self._choice):
                self.passed_over = True
            elif name is not None and len(self._found) < self._choice.candidates:
                order = len(self._found) + 1
                self._found.append(_Candidate(name, seen - 1, order))
                self._marks[commit.id] |= 1 << order
            elif name is not None:
                self._enter(commit)
                return
            marks = self._marks[commit.id]
            for one in self._found:
                one.depth += not marks & one.mark
            if self._settled(marks):
                return
            parents = commit.parents[:1] if self._choice.first_parent else commit.parents
            self._go_on(marks, parents)

    def _settled(self, marks: int) -> bool:
        """Whether the last way that is left lies behind the best tags anyway."""
        if self._waiting or not any(one.name.rank == 2 for one in self._found):
            return False
        least = min(one.depth for one in self._found)
        within = sum(one.mark for one in self._found if one.depth == least)
        return marks & within == within

    def _finish(self, best: _Candidate) -> None:
        """Count what is left that ``best`` does not reach."""
        while self._waiting:
            commit = self._next()
            marks = self._marks[commit.id]
            if not marks & best.mark:
                best.depth += 1
            elif all(self._marks[one.id] & best.mark for _, _, one in self._waiting):
                return
            self._go_on(marks, commit.parents)

    def _go_on(self, marks: int, parents: Sequence[CommitId]) -> None:
        for parent in parents:
            if parent not in self._marks:
                self._marks[parent] = 0
                self._enter(self._git.commit(parent))
            self._marks[parent] |= marks

    def _enter(self, commit: Commit) -> None:
        heapq.heappush(self._waiting, (-commit.committer.time, self._entered, commit))
        self._entered += 1

    def _next(self) -> Commit:
        return heapq.heappop(self._waiting)[2]
