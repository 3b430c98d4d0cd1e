"""The list of stashes: a value of its own, kept under a ref, and mirrored as Git expects it.

A stash is a commit as Git makes it: its tree is the work tree, its parents are HEAD, a commit of the stage and,
where there are any, one of the untracked files. Git's list of them is nothing but the reflog of ``refs/stash``.
That can't be the list here: dropping an entry rewrites the reflog, which no operation could record and no
``undo`` take back, and what only a reflog names is soon lost. So the list is a commit on ``refs/mvc/stash``
whose parents are the stashes and whose message is this value; each change of it is an ordinary move of a ref.
What Git looks at, ``refs/stash`` and its reflog, is written from it whenever an operation is applied, and never
read: ``stash@{0}`` and ``git stash list`` see what mvc sees.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from mvc.errors import CorruptPack
from mvc.history.reflog import NONE, Move
from mvc.history.signature import Signature
from mvc.ids import CommitId
from mvc.values import dataclass

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Stashed:
    """One entry: the stash, who put it there and when, and what it says (``WIP on main: 1a2b3c4 one``)."""

    commit: CommitId
    who: Signature
    message: str


def encode(entries: Sequence[Stashed]) -> str:
    """The message of the commit that is the list, newest first."""
    rows = [[entry.commit, entry.who.encode(), entry.message] for entry in entries]
    return f"stashes\n\n{json.dumps({'mvc-stashes': _VERSION, 'entries': rows})}\n"


def decode(text: str) -> tuple[Stashed, ...]:
    """The inverse of ``encode``.

    Raises:
        CorruptPack: not a list of stashes.
    """
    try:
        rows = json.loads(text.split("\n\n", 1)[1])["entries"]
        return tuple(
            Stashed(CommitId(id_), Signature.decode(who), message) for id_, who, message in rows
        )
    except (IndexError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise CorruptPack(
            f"the list of stashes is damaged: {error}", hint="mvc op log shows how it came about"
        ) from error


def as_moves(entries: Sequence[Stashed]) -> list[Move]:
    """The reflog of ``refs/stash``, oldest first, in which ``stash@{n}`` is the n-th entry."""
    ids = [NONE, *(entry.commit for entry in reversed(entries))]
    return [
        Move(old, entry.commit, entry.who, entry.message)
        for old, entry in zip(ids, reversed(entries), strict=False)
    ]
