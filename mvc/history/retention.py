"""Which commits' weights a rule lets go: everything asked for, less what a rule keeps, less what is in use.

In use are the tips of branches, what a tag names, HEAD, and what a stash, an unfinished merge or a bisect
needs: only who names such a commit itself, and means it, can let it go.
"""

from __future__ import annotations

import heapq
import math
import re
from collections.abc import Iterator, Sequence

from mvc.errors import UsageError
from mvc.history import revisions
from mvc.history.bisection import BISECT
from mvc.history.commits import record_of
from mvc.history.context import Context
from mvc.history.expired import tombstones, weights
from mvc.history.git import Commit
from mvc.history.metrics import Metrics, root_of
from mvc.history.refs import BRANCHES, STASHES, TAGS, UNFINISHED
from mvc.ids import CommitId
from mvc.values import dataclass

_TRAILER = re.compile(r"([A-Za-z0-9-]+)\s*:\s+(.*)")


@dataclass(frozen=True, slots=True)
class Rules:
    """What is kept: tagged commits, the ``last`` of each branch, the ``best`` by ``metric``, highest or
    lowest."""

    tagged: bool = False
    last: int | None = None
    metric: str | None = None
    best: int = 1
    highest: bool = False

    def __bool__(self) -> bool:
        return self.tagged or self.last is not None or self.metric is not None

    def __str__(self) -> str:
        words = ["--keep-tagged"] if self.tagged else []
        words += [] if self.last is None else [f"--keep-last {self.last}"]
        if self.metric is not None:
            end = "highest" if self.highest else "lowest"
            words.append(f"--metric {self.metric} --{end} {self.best}")
        return " ".join(words)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A commit whose weights may go, and whether it was named itself though it is in use."""

    commit: CommitId
    forced: bool


def choose(context: Context, asked: Sequence[str], rules: Rules, *, force: bool) -> list[Chosen]:
    """The commits, newest first: of ``asked`` (commits and ranges), or of everything.

    Raises:
        UsageError: nothing says which, a revision is none, no commit has the metric, or one that is in use was
            named without ``force``.
    """
    if not asked and not rules:
        raise UsageError(
            "no commits to expire given",
            hint="mvc expire REVISION, or say what to keep: mvc expire --keep-last 5",
        )
    git = context.git
    named = [revisions.resolve(context, text) for text in asked if not _is_range(text)]
    ranges = [text for text in asked if _is_range(text)]
    if asked:
        range_ = revisions.parse_range(context, ranges)
        walked = git.walk(range_.include, range_.exclude) if range_.include else iter(())
        candidates = list(dict.fromkeys([*named, *walked]))
    else:
        candidates = list(git.walk(_ends(context), topological=True))
    used = in_use(context)
    if not force:
        _refuse(context, named, used)
    kept = _kept(context, candidates, rules)
    known = tombstones(context)
    return [
        Chosen(id_, id_ in used)
        for id_ in candidates
        if id_ not in kept
        and (id_ not in used or (force and id_ in named))
        and (id_ not in known or (id_ in named and id_ in used and not known[id_].forced))
        and next(weights(context, id_), None) is not None
    ]


def in_use(context: Context) -> dict[CommitId, str]:
    """Commits that refs name, or that unfinished work needs, with the reason in words."""
    found: dict[CommitId, str] = {}
    for name in context.refs.list("refs/"):
        if name.startswith((BRANCHES, TAGS)):
            commit = revisions.try_resolve(context, name)
            kind = "the tip of the branch" if name.startswith(BRANCHES) else "named by the tag"
            if commit is not None:
                found[commit] = f"{kind} {name.removeprefix(BRANCHES).removeprefix(TAGS)}"
    head = context.refs.head()
    if head is not None:
        found.setdefault(CommitId(head), "HEAD")
    for id_ in unfinished(context):
        found.setdefault(CommitId(id_), "needed by a stash, an unfinished merge or a bisect")
    return found


def unfinished(context: Context) -> Iterator[str]:
    """Commits that a stash, an unfinished merge or a bisect needs: themselves, and those they came from."""
    git = context.git
    waiting = context.refs.raw(UNFINISHED)
    if waiting is not None:
        yield from git.commit(waiting).parents
    search = context.refs.raw(BISECT)
    if search is not None:
        yield from git.commit(search).parents
    stashes = context.refs.raw(STASHES)
    if stashes is not None:
        for stash in git.commit(stashes).parents:
            yield stash
            yield from git.commit(stash).parents


def metric_of(context: Context, commit: Commit, name: str, metrics: Metrics) -> float | None:
    """The number that was noted, that a trailer of the message gives (``eval-loss: 1.23``), or the record."""
    root = root_of(context, commit)
    noted = metrics.noted(root).get(name) if root is not None else None
    value: object = None if noted is None else noted.value
    text = commit.message.rstrip() if noted is None else ""
    if "\n\n" in text:
        for line in text.rsplit("\n\n", 1)[1].split("\n"):
            match = _TRAILER.fullmatch(line.rstrip())
            if match and match[1].lower() == name.lower():
                value = match[2]
    if value is None:
        record = record_of(context, commit)
        value = record.metrics.get(name) if record else None
    try:
        number = float(str(value))
    except ValueError:
        return None
    return None if math.isnan(number) else number


def _kept(context: Context, candidates: Sequence[CommitId], rules: Rules) -> set[CommitId]:
    git = context.git
    kept: set[CommitId] = set()
    if rules.last is not None:
        for tip in context.refs.list(BRANCHES).values():
            walked = git.walk([CommitId(tip)])
            kept |= {id_ for id_, _ in zip(walked, range(rules.last), strict=False)}
    if rules.metric is not None:
        metrics = Metrics(context)
        numbers = [
            (number, id_)
            for id_ in candidates
            if (number := metric_of(context, git.commit(id_), rules.metric, metrics)) is not None
        ]
        if not numbers:
            raise UsageError(
                f"no commit has the metric '{rules.metric}'",
                hint=f"mvc metric add COMMIT {rules.metric}=1.23 notes it",
            )
        best = heapq.nlargest if rules.highest else heapq.nsmallest
        kept |= {id_ for _, id_ in best(rules.best, numbers, key=lambda one: one[0])}
    return kept


def _refuse(context: Context, named: Sequence[CommitId], used: dict[CommitId, str]) -> None:
    for id_ in named:
        if id_ in used:
            raise UsageError(
                f"{revisions.shorten(id_)} is {used[id_]}",
                hint="--force expires it all the same",
            )


def _ends(context: Context) -> list[CommitId]:
    ends = {
        commit
        for name in [*context.refs.list(BRANCHES), *context.refs.list(TAGS), "HEAD"]
        if (commit := revisions.try_resolve(context, name)) is not None
    }
    return sorted(ends)


def _is_range(text: str) -> bool:
    return ".." in text or text.startswith("^")
