"""One entry of the operation log, and how a commit's message holds it.

Knows no repository: what is in an operation, not when one happens (``operations.py``).
"""

from __future__ import annotations

import json

from mvc.errors import CorruptPack
from mvc.history.signature import Signature
from mvc.ids import CommitId
from mvc.values import dataclass

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Change:
    """A ref's move; None is "does not exist". Values are ids, or ``ref: name`` for HEAD.

    ``message`` is what the ref's own reflog says, where that is not the operation's message.
    """

    ref: str
    old: str | None
    new: str | None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One entry of the operation log.

    ``worktree`` says that the operation also moved files of the work tree: from the stage before to the
    stage after it, or, where those don't tell, from the files of one commit to those of another, ``files``.
    ``undoes`` names the operation that this one takes back. ``commits`` are ids that must stay reachable
    besides those that the changes name. ``trail`` is what HEAD's reflog says, ``(old, new, message)`` each,
    where HEAD went a longer way than its move tells, as in a rebase.
    """

    verb: str
    message: str
    changes: tuple[Change, ...]
    who: Signature
    worktree: bool = False
    undoes: str | None = None
    commits: tuple[CommitId, ...] = ()
    files: tuple[CommitId, CommitId] | None = None
    trail: tuple[tuple[str, str, str], ...] = ()
    id: CommitId | None = None
    parent: CommitId | None = None

    def encode(self) -> str:
        """The commit message: a line for people, then the JSON."""
        body = {
            "mvc-operation": _VERSION,
            "verb": self.verb,
            "message": self.message,
            "changes": [
                [c.ref, c.old, c.new, *([c.message] if c.message else [])] for c in self.changes
            ],
            "worktree": self.worktree,
            "undoes": self.undoes,
        }
        if self.files is not None:
            body["files"] = self.files
        if self.trail:
            body["trail"] = self.trail
        subject = " ".join(self.message.split()) or self.verb
        return f"{subject[:200]}\n\n{json.dumps(body, sort_keys=True, separators=(',', ':'))}\n"

    @staticmethod
    def decode(
        message: str, *, who: Signature, id_: CommitId, parent: CommitId | None
    ) -> Operation:
        """The inverse of ``encode``; what the message does not hold is given.

        Raises:
            CorruptPack: it holds no operation.
        """
        try:
            body = json.loads(message.split("\n\n", 1)[1])
            return Operation(
                verb=body["verb"],
                message=body["message"],
                changes=tuple(Change(*change) for change in body["changes"]),
                who=who,
                worktree=body["worktree"],
                undoes=body["undoes"],
                files=_pair(body.get("files")),
                trail=tuple((old, new, said) for old, new, said in body.get("trail", ())),
                id=id_,
                parent=parent,
            )
        except (IndexError, KeyError, TypeError, ValueError) as error:
            raise CorruptPack(f"the operation {id_} is damaged: {error}") from error


def _pair(value: list[str] | None) -> tuple[CommitId, CommitId] | None:
    if value is None:
        return None
    before, after = value
    return CommitId(before), CommitId(after)


def is_operation(message: str) -> bool:
    """Whether the message of a commit says that it records an operation."""
    return '"mvc-operation"' in message
