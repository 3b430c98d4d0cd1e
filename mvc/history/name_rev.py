"""What a commit is called seen from a later tag: ``v1.0~3^2``, as ``git describe --contains`` says it.

Source: Git's ``builtin/name-rev.c`` (2.39). From every tag back along its parents, each commit keeps the name
from the oldest tag, and of that the one with the fewest steps; a step to another than the first parent counts
as many.
"""

from __future__ import annotations

from collections.abc import Callable

from mvc.errors import UsageError
from mvc.history.context import Context
from mvc.history.describe import Choice, Description, allowed
from mvc.history.refs import BRANCHES, TAGS
from mvc.ids import CommitId
from mvc.values import dataclass

#: Date and parents of a commit.
About = Callable[[CommitId], tuple[int, tuple[CommitId, ...]]]

_MERGE = 65535
#: Seconds that a clock may have been off.
_SLOP = 86400


@dataclass(frozen=True, slots=True)
class _Tip:
    commit: CommitId
    name: str
    tagged: bool
    time: int
    is_tag: bool


@dataclass(frozen=True, slots=True)
class _Named:
    """``generation`` first parents back from ``tip``, which may itself be behind another parent."""

    tip: str
    generation: int
    distance: int
    time: int
    is_tag: bool

    def beats(self, other: _Named) -> bool:
        """Whether it is the better name for the same commit."""
        mine, theirs = self._effective(), other._effective()
        if self.is_tag and other.is_tag:
            return (self.time, mine) < (other.time, theirs)
        if self.is_tag != other.is_tag:
            return self.is_tag
        return (mine, self.time) < (theirs, other.time)

    def _effective(self) -> int:
        return self.distance + (_MERGE if self.generation > 0 else 0)

    def __str__(self) -> str:
        return f"{self.tip.removesuffix('^0')}~{self.generation}" if self.generation else self.tip


def name_rev(context: Context, commit: CommitId, choice: Choice) -> Description:
    """The name of ``commit`` from the nearest tag that holds it; with ``choice.all``, from any ref.

    Raises:
        UsageError: none does.
    """
    oldest = context.git.commit(commit).committer.time - _SLOP
    names: dict[str, _Named] = {}
    known: dict[str, tuple[int, tuple[CommitId, ...]]] = {}

    def about(id_: CommitId) -> tuple[int, tuple[CommitId, ...]]:
        if id_ not in known:
            found = context.git.commit(id_)
            known[id_] = found.committer.time, found.parents
        return known[id_]

    for tip in sorted(_tips(context, choice), key=lambda one: (not one.is_tag, one.time)):
        _spread(about, tip, oldest, names)
    found = names.get(commit)
    if found is None:
        raise UsageError(f"cannot describe '{commit}': no tag holds it", hint="mvc describe")
    tag = found.tip.split("^")[0].split("~")[0]
    return Description(str(found), commit, tag, found.distance)


def _tips(context: Context, choice: Choice) -> list[_Tip]:
    found = []
    for ref, id_ in context.refs.list("refs/" if choice.all else TAGS).items():
        if ref.startswith("refs/mvc/") or not allowed(ref.removeprefix(TAGS), choice):
            continue
        target, time = id_, None
        while context.git.kind(target) == "tag":
            tagger, _ = context.git.tag_message(target)
            time = tagger.time if tagger else 0
            target = context.git.tag_target(target)
        if context.git.kind(target) != "commit":
            continue
        commit = CommitId(target)
        if time is None:
            time = context.git.commit(commit).committer.time
        short = ref.removeprefix(BRANCHES).removeprefix("refs/" if choice.all else TAGS)
        found.append(_Tip(commit, short, target != id_, time, ref.startswith(TAGS)))
    return found


def _spread(about: About, tip: _Tip, oldest: int, names: dict[str, _Named]) -> None:
    """Name all that ``tip`` reaches, where that is better than what is known."""

    def offer(id_: CommitId, name: _Named) -> bool:
        known = names.get(id_)
        if known is not None and not name.beats(known):
            return False
        if about(id_)[0] < oldest:
            return False
        names[id_] = name
        return True

    start = _Named(f"{tip.name}^0" if tip.tagged else tip.name, 0, 0, tip.time, tip.is_tag)
    waiting = [tip.commit] if offer(tip.commit, start) else []
    while waiting:
        id_ = waiting.pop()
        name = names[id_]
        taken = []
        for number, parent in enumerate(about(id_)[1], start=1):
            if number == 1:
                steps, far, prefix = name.generation + 1, name.distance + 1, name.tip
            else:
                steps, far = 0, name.distance + _MERGE
                prefix = f"{str(name).removesuffix('^0')}^{number}"
            if offer(parent, _Named(prefix, steps, far, tip.time, tip.is_tag)):
                taken.append(parent)
        waiting += reversed(taken)
