"""Several reverts in a row: begun, gone on with after a conflict, and with one of them skipped.

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
from mvc.history.signature import Signature
from mvc.history.transaction import transaction
from mvc.history.unfinished import Sequel, Unfinished, read_unfinished, write_unfinished
from mvc.ids import CommitId
from mvc.merge.abandoning import give_up
from mvc.merge.concluding import conclude
from mvc.merge.merging import refuse_unfinished
from mvc.merge.reverting import take_back
from mvc.worktree.ingest import Progress

#: Called with each commit as it is made.
Made = Callable[[CommitId], None]


@writes_objects
def revert(
    context: Context,
    texts: Sequence[str],
    *,
    mainline: int | None,
    strategy: str | None,
    author: Signature | None,
    who: Signature,
    progress: Progress | None,
    made: Made | None,
) -> None:
    """Take back what ``texts`` name, commits and ranges (newest first), one commit each.

    All are looked up before the first, because HEAD moves with every revert.

    Raises:
        UsageError: no such revision, HEAD is unborn, a merge commit is given without ``mainline``, or nothing
            would change.
        MergeConflict: a later commit changed the same tensors; the rest waits for ``go_on`` or ``skip``.
    """
    refuse_unfinished(context)
    commits = tuple(dict.fromkeys(id_ for text in texts for id_ in _commits(context, text)))
    if not commits:
        raise UsageError("empty commit set passed")
    start = revisions.resolve(context, "HEAD")
    _revert(context, Sequel(start, commits, mainline), strategy, author, who, progress, made)


@writes_objects
def go_on(
    context: Context,
    *,
    author: Signature | None,
    who: Signature,
    progress: Progress | None,
    made: Made | None,
) -> None:
    """Conclude the revert that waits, then do the rest.

    One that was refused without anything to settle is tried again.

    Raises:
        UsageError: no revert waits, or settled like this it changes nothing.
        MergeConflict: conflicts are not settled, or the next revert met one.
    """
    waiting = _waiting(context)
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
        with transaction(context, "revert", who) as current:
            write_unfinished(current, replace(waiting, onto=_head(context)))
            current.message = "revert: going on"
    if waiting.sequel is not None:
        _revert(context, waiting.sequel, waiting.strategy, author, who, progress, made)


@writes_objects
def skip(
    context: Context,
    *,
    author: Signature | None,
    who: Signature,
    progress: Progress | None,
    made: Made | None,
) -> None:
    """Leave out the revert that waits, giving up what it did to stage and files, then do the rest.

    Raises:
        UsageError: no revert waits, or the user has committed instead of it.
        MergeConflict: the next revert met a conflict.
    """
    waiting = _waiting(context)
    sequel = waiting.sequel
    if waiting.between:
        if revisions.resolve(context, "HEAD") != waiting.onto:
            raise UsageError(
                "there is nothing to skip",
                hint='have you committed already? try "mvc revert --continue"',
            )
        assert sequel is not None
        sequel = replace(sequel, rest=sequel.rest[1:])
    give_up(context, waiting, sequel, who=who)
    if sequel is not None:
        _revert(context, sequel, waiting.strategy, author, who, progress, made)


def _revert(
    context: Context,
    sequel: Sequel,
    strategy: str | None,
    author: Signature | None,
    who: Signature,
    progress: Progress | None,
    made: Made | None,
) -> None:
    alone = len(sequel.rest) == 1 and sequel.start == _head(context)
    while sequel.rest:
        commit, *rest = sequel.rest
        sequel = replace(sequel, rest=tuple(rest), between=False)
        outcome = take_back(
            context,
            commit,
            mainline=sequel.mainline,
            strategy=strategy,
            message=None,
            author=author,
            who=who,
            progress=progress,
            sequel=None if alone else sequel,
        )
        if made:
            made(outcome.commit)


def _waiting(context: Context) -> Unfinished:
    waiting = read_unfinished(context)
    if waiting is None or waiting.kind != "revert":
        raise UsageError("no revert in progress", hint="mvc revert REVISION")
    return waiting


def _head(context: Context) -> CommitId:
    return revisions.resolve(context, "HEAD")


def _commits(context: Context, text: str) -> list[CommitId]:
    """The commits that a word names, newest first: one, or those of a range."""
    if ".." in text:
        return [c.id for c in log.walk(context, revisions.parse_range(context, [text]))]
    return [revisions.resolve(context, text)]
