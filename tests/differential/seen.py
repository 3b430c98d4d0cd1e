"""What is seen of a repository after a step, in words that do not depend on the tool."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields

#: ``path → (executable, content)``: values for a model, a text else.
Files = Mapping[str, tuple[bool, object]]
_ID = re.compile(r"\b[0-9a-f]{40}\b")
_SHORT = re.compile(r"\b[0-9a-f]{7,39}\b")


@dataclass(frozen=True)
class Seen:
    """Commits are named by a hash of what they say, so that both tools have the same names for them."""

    head: str
    refs: Mapping[str, str]
    stage: Files
    work: Files
    status: tuple[tuple[str, str], ...]
    conflicts: Mapping[str, object]
    unfinished: bool
    logs: Mapping[str, tuple[str, ...]]
    bases: Mapping[str, frozenset[str]]
    reflogs: Mapping[str, tuple[tuple[str, str, str], ...]]
    stashes: tuple[str, ...]

    def differences(self, other: Seen) -> str:
        """The parts that are not the same, for people."""
        return "\n".join(
            f"{field.name}:\n  git {getattr(self, field.name)}\n  mvc {getattr(other, field.name)}"
            for field in fields(self)
            if getattr(self, field.name) != getattr(other, field.name)
        )


@dataclass(frozen=True)
class Told:
    """A commit as a tool tells of it."""

    parents: tuple[str, ...]
    author: str
    committer: str
    message: str
    files: Files


class Names:
    """The name of each commit: a hash of its contents, its words and its parents' names."""

    def __init__(self, tell: Callable[[str], Told]) -> None:
        self._tell = tell
        self._known: dict[str, str] = {}

    def of(self, id_: str) -> str:
        if id_ not in self._known:
            told = self._tell(id_)
            body = (
                [self.of(parent) for parent in told.parents],
                told.author,
                told.committer,
                self.without_ids(told.message.strip()),
                sorted((path, mode, str(what)) for path, (mode, what) in told.files.items()),
            )
            digest = hashlib.sha256(repr(body).encode()).hexdigest()[:10]
            self._known[id_] = f"{told.message.splitlines()[0][:20]}:{digest}"
        return self._known[id_]

    def without_ids(self, text: str) -> str:
        """``text`` with names for the ids of commits; those that are cut short are taken out."""
        return _SHORT.sub("ID", _ID.sub(lambda found: self._name(found[0]), text))

    def _name(self, id_: str) -> str:
        return self.of(id_) if id_ != "0" * 40 else "nothing"

    def moves(self, lines: Iterable[tuple[str, str, str]]) -> tuple[tuple[str, str, str], ...]:
        """The lines of a reflog but those that move nothing."""
        found = [
            (self._name(old), self._name(new), self.without_ids(how)) for old, new, how in lines
        ]
        return tuple(line for line in found if not moves_nothing(*line))


def moves_nothing(old: str, new: str, message: str) -> bool:
    """Whether a line of HEAD's log is there though the command found all as it should be."""
    stays = re.search(
        r"^(reset: |branch: Reset to |commit \(amend\): |checkout: moving from (\S+) to \2$|"
        r"merge \S+: updating HEAD$)",
        message,
    )
    return old == new and stays is not None
