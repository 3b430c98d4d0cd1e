"""The stash as it is kept: what an entry holds, which one a name means, and the list as it changes.

Owns the shape of a stash commit (see ``history/stashes.py`` for why the list is what it is). It puts nothing
aside (``shelving.py``) and brings nothing back (``merge/unshelving.py``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mvc.errors import UsageError
from mvc.history import log, revisions, stashes
from mvc.history.context import Context
from mvc.history.gitobjects import EMPTY_TREE
from mvc.history.refs import STASH, STASHES
from mvc.history.signature import Signature
from mvc.history.snapshot import Snapshot
from mvc.history.stashes import Stashed
from mvc.history.transaction import Transaction, transaction
from mvc.ids import CommitId
from mvc.values import dataclass

_NUMBER = re.compile(r"(?:(?:refs/)?stash@\{)?(\d+)\}?")


@dataclass(frozen=True, slots=True)
class Shelf:
    """What a stash holds: ``base``, HEAD at the time; tracked files, the stage, and untracked files."""

    base: CommitId
    before: Snapshot
    files: Snapshot
    stage: Snapshot
    untracked: Snapshot


@dataclass(frozen=True, slots=True)
class Named:
    """A stash as it was asked for; ``number`` is None for one that is not on the list (any more)."""

    text: str
    number: int | None
    commit: CommitId


def entries(context: Context) -> tuple[Stashed, ...]:
    """The list, newest first."""
    id_ = context.refs.raw(STASHES)
    return () if id_ is None else stashes.decode(context.git.commit(id_).message)


def find(context: Context, text: str | None) -> Named:
    """The stash that ``text`` names: ``stash@{n}``, ``n``, nothing for the newest, or a stash's commit.

    Raises:
        UsageError: it names none.
    """
    listed = entries(context)
    text = text or "stash@{0}"
    match = _NUMBER.fullmatch("0" if text in ("stash", STASH) else text)
    if match and not (len(text) > 6 and text.isdigit()):  # that is the beginning of an id
        number = int(match[1])
        if not listed:
            raise UsageError("no stash entries found", hint="mvc stash puts your changes aside")
        if number >= len(listed):
            raise UsageError(
                f"stash@{{{number}}} is not a valid reference: there are {len(listed)} stash entries",
                hint="mvc stash list shows them",
            )
        return Named(f"stash@{{{number}}}", number, listed[number].commit)
    commit = revisions.resolve(context, text)
    parents = context.git.commit(commit).parents
    if len(parents) not in (2, 3) or context.git.commit(parents[1]).parents != parents[:1]:
        raise UsageError(f"'{text}' is not a stash-like commit", hint="mvc stash list shows them")
    return Named(text, None, commit)


def read(context: Context, id_: CommitId) -> Shelf:
    """What the stash ``id_`` holds."""
    base, stage, *untracked = context.git.commit(id_).parents
    return Shelf(
        base,
        log.snapshot(context, base),
        log.snapshot(context, id_),
        log.snapshot(context, stage),
        log.snapshot(context, untracked[0]) if untracked else Snapshot(context.git, {}),
    )


def put_entries(current: Transaction, listed: Sequence[Stashed]) -> None:
    """The list shall be ``listed``, newest first."""
    if not listed:
        current.move(STASHES, None)
        current.move(STASH, None)
        return
    current.objects.tree([])
    commits = list(dict.fromkeys(entry.commit for entry in listed))
    who, text = current.who, stashes.encode(listed)
    current.move(STASHES, current.objects.commit(EMPTY_TREE, commits, who, who, text))
    current.move(STASH, listed[0].commit)


def take_off(current: Transaction, named: Named) -> None:
    """Take an entry off the list.

    Raises:
        UsageError: it is not on it.
    """
    listed = entries(current.context)
    number = named.number
    if number is None or number >= len(listed) or listed[number].commit != named.commit:
        raise UsageError(f"'{named.text}' is not a stash reference", hint="mvc stash list")
    put_entries(current, [*listed[:number], *listed[number + 1 :]])


def drop(context: Context, text: str | None, who: Signature | None) -> Named:
    """Take an entry off the list; ``undo`` brings it back.

    Raises:
        UsageError: there is no such entry.
    """
    named = find(context, text)
    with transaction(context, "stash", who) as current:
        take_off(current, named)
        current.message = f"stash: dropped {named.text}"
    return named


def clear(context: Context, who: Signature | None) -> None:
    """Empty the list; ``undo`` brings it back."""
    with transaction(context, "stash", who) as current:
        put_entries(current, ())
        current.message = "stash: cleared"
