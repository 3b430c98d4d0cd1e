"""Several reverts or picks in a row: begun, gone on with after a conflict, and with one of them skipped.

What is still to do is kept in ``refs/mvc/unfinished`` by the same operation that makes each commit, so that a
command that is cut off leaves a row that can be gone on with or given up. As in Git, giving it up goes back to
where HEAD was before the first one (``abandoning.abort``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from mvc.errors import UsageError
from mvc.history import log, revisions
from mvc.history.context import Context, writes_objects
from mvc.history.refs import UNFINISHED
from mvc.history.signature import Signature
from mvc.history.transaction import transaction
from mvc.history.unfinished import (
    Manner,
    Sequel,
    Unfinished,
    conflicted_paths,
    read_unfinished,
    write_unfinished,
)
from mvc.ids import CommitId
from mvc.merge import strategies
from mvc.merge.abandoning import give_up
from mvc.merge.accounting import touches
from mvc.merge.bringing import bring_over, parent_snapshot, refuse_untouched
from mvc.merge.concluding import conclude
from mvc.merge.merging import refuse_unfinished
from mvc.merge.reverting import take_back
from mvc.values import dataclass
from mvc.worktree.ingest import Progress

#: Called with each commit as it is made.
Made = Callable[[CommitId], None]


@dataclass(frozen=True, slots=True)
class Row:
    """What all commits of a row have in common; ``kind`` is revert or cherry-pick."""

    kind: str
    strategy: str | None
    manner: Manner

    @staticmethod
    def of(waiting: Unfinished) -> Row:
        """The row that ``waiting`` is one of."""
        return Row(waiting.kind, waiting.strategy, waiting.manner)


@writes_objects
def begin(
    context: Context,
    row: Row,
    texts: Sequence[str],
    *,
    author: Signature | None,
    who: Signature,
    progress: Progress | None,
    made: Made | None,
) -> None:
    """Take back or bring over what ``texts`` name, one commit each.

    All are looked up before the first, because HEAD moves with each of them. Where ``row``
    names tensors, commits that changed none of these are left out.

    Raises:
        UsageError: no such revision, HEAD is unborn, a merge commit is given without ``mainline``, no tensor
            is named, or nothing would change.
        MergeConflict: HEAD's history changed the same tensors; the rest waits for ``go_on`` or ``skip``.
    """
    refuse_unfinished(context)
    commits = commits_of(context, row, texts)
    start = revisions.resolve(context, "HEAD")
    _each(context, row, Sequel(start, commits), author, who, progress, made)


@writes_objects
def go_on(
    context: Context,
    kind: str,
    *,
    author: Signature | None,
    who: Signature,
    progress: Progress | None,
    made: Made | None,
) -> None:
    """Conclude the one that waits, then do the rest.

    One that was refused without anything to settle is tried again.

    Raises:
        UsageError: none waits, or settled like this it changes nothing.
        MergeConflict: conflicts are not settled, or the next one met one.
    """
    waiting = _waiting(context, kind)
    if not waiting.between:
        id_ = conclude(
            context,
            None,
            author=author,
            who=who,
            amend=False,
            allow_empty=False,
            going_on=True,
        )
        if made:
            made(id_)
    elif revisions.resolve(context, "HEAD") != waiting.onto:
        # The user has committed meanwhile: it goes on from there.
        with transaction(context, kind, who) as current:
            write_unfinished(current, replace(waiting, onto=_head(context)))
            current.message = f"{kind}: going on"
    if waiting.sequel is not None:
        _each(context, Row.of(waiting), waiting.sequel, author, who, progress, made)


@writes_objects
def skip(
    context: Context,
    kind: str,
    *,
    author: Signature | None,
    who: Signature,
    progress: Progress | None,
    made: Made | None,
) -> None:
    """Leave out the one that waits, giving up what it did to stage and files, then do the rest.

    Raises:
        UsageError: none waits, or the user has committed instead of it.
        MergeConflict: the next one met a conflict.
    """
    waiting = _waiting(context, kind)
    sequel = waiting.sequel
    if waiting.between:
        if revisions.resolve(context, "HEAD") != waiting.onto:
            raise UsageError(
                "there is nothing to skip",
                hint=f'have you committed already? try "mvc {kind} --continue"',
            )
        assert sequel is not None
        sequel = replace(sequel, rest=sequel.rest[1:])
    give_up(context, waiting, sequel, who=who)
    if sequel is not None:
        _each(context, Row.of(waiting), sequel, author, who, progress, made)


@writes_objects
def leave(context: Context, kind: str, *, who: Signature | None) -> None:
    """Forget what waits, as ``--quit`` does: HEAD, stage and files stay as they are.

    Raises:
        UsageError: there are conflicts, which could not be settled any more.
    """
    waiting = read_unfinished(context)
    if waiting is None or waiting.kind != kind:
        return
    if conflicted_paths(context):
        raise UsageError(
            f"there are conflicts to settle before the {kind} can be forgotten",
            hint=f"mvc checkout --ours|--theirs PATH; mvc {kind} --abort goes back instead",
        )
    with transaction(context, kind, who) as current:
        current.move(UNFINISHED, None)
        current.message = f"{kind}: left as it is"


def _each(
    context: Context,
    row: Row,
    sequel: Sequel,
    author: Signature | None,
    who: Signature,
    progress: Progress | None,
    made: Made | None,
) -> None:
    alone = len(sequel.rest) == 1 and sequel.start == _head(context)
    while sequel.rest:
        commit, *rest = sequel.rest
        sequel = replace(sequel, rest=tuple(rest), between=False)
        following = None if alone else sequel
        if row.kind == "revert":
            outcome = take_back(
                context,
                commit,
                strategy=row.strategy,
                message=None,
                author=author,
                who=who,
                progress=progress,
                sequel=following,
                manner=row.manner,
            )
        else:
            outcome = bring_over(
                context,
                commit,
                strategy=row.strategy,
                manner=row.manner,
                who=who,
                progress=progress,
                sequel=following,
            )
        if made:
            made(outcome.commit)


def _waiting(context: Context, kind: str) -> Unfinished:
    waiting = read_unfinished(context)
    if waiting is None or waiting.kind != kind:
        raise UsageError(f"no {kind} in progress", hint=f"mvc {kind} REVISION")
    return waiting


def _head(context: Context) -> CommitId:
    return revisions.resolve(context, "HEAD")


def commits_of(context: Context, row: Row, texts: Sequence[str]) -> tuple[CommitId, ...]:
    """The commits that the words name, without those in which ``row`` has nothing to take.

    Raises:
        UsageError: no such revision or strategy, or nothing is left.
    """
    if row.strategy is not None:
        strategies.named(row.strategy)  # a word that is off is refused even when it is not needed
    commits = _commits(context, texts, oldest_first=row.kind == "cherry-pick")
    if not commits:
        raise UsageError("empty commit set passed")
    return _touching(context, commits, row.manner) if row.manner.tensors else commits


def _commits(context: Context, texts: Sequence[str], *, oldest_first: bool) -> tuple[CommitId, ...]:
    """The commits that the words name, in their order; with a range among them, as Git, one walk of all."""
    if oldest_first and any(map(revisions.is_range, texts)):
        walked = [c.id for c in log.walk(context, revisions.parse_range(context, texts))]
        return tuple(reversed(walked))
    found: list[CommitId] = []
    for text in texts:
        if ".." in text:
            found += [c.id for c in log.walk(context, revisions.parse_range(context, [text]))]
        else:
            found.append(revisions.resolve(context, text))
    return tuple(dict.fromkeys(found))


def _touching(
    context: Context, commits: Sequence[CommitId], manner: Manner
) -> tuple[CommitId, ...]:
    """Those that changed a tensor which a glob names.

    Raises:
        UsageError: none did.
    """
    found = []
    for id_ in commits:
        before = parent_snapshot(context, id_, manner.mainline)
        if touches(before, log.snapshot(context, id_), manner.tensors):
            found.append(id_)
    if not found:
        raise refuse_untouched(commits[0], manner.tensors)
    return tuple(found)
