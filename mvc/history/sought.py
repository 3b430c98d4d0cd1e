"""Which commits a log is asked for, by who made them, when, and what they say: ``git log --author`` and kin.

A commit is judged by itself; one that is left out still leads to its parents. Source: ``git-log(1)``, "Commit
Limiting".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from mvc.errors import UsageError
from mvc.history.git import Commit
from mvc.history.record import without_trailer
from mvc.history.signature import Signature
from mvc.values import dataclass


@dataclass(frozen=True, slots=True)
class Sought:
    """Of several patterns one has to match, of ``greps`` with ``all_match`` all; ``since`` and ``until`` are
    seconds since 1970 and about the committer's date. ``parents``: the least and the most that there may be.
    """

    authors: Sequence[str] = ()
    committers: Sequence[str] = ()
    greps: Sequence[str] = ()
    since: float | None = None
    until: float | None = None
    parents: tuple[int, int | None] = (0, None)
    ignore_case: bool = False
    fixed: bool = False
    all_match: bool = False
    invert: bool = False

    def judge(self) -> Callable[[Commit], bool]:
        """Whether a commit is meant.

        Raises:
            UsageError: a pattern is no regular expression.
        """
        authors, committers = self._compiled(self.authors), self._compiled(self.committers)
        greps = self._compiled(self.greps)
        combine = all if self.all_match else any
        least, most = self.parents

        def meant(commit: Commit) -> bool:
            return (
                least <= len(commit.parents) <= (len(commit.parents) if most is None else most)
                and (self.since is None or commit.committer.time >= self.since)
                and (self.until is None or commit.committer.time <= self.until)
                and (not authors or _any(authors, _person(commit.author)))
                and (not committers or _any(committers, _person(commit.committer)))
                and (not greps or combine(_found(one, commit) for one in greps) is not self.invert)
            )

        return meant

    def _compiled(self, patterns: Sequence[str]) -> list[re.Pattern[str]]:
        flags = re.MULTILINE | (re.IGNORECASE if self.ignore_case else 0)
        found = []
        for pattern in patterns:
            try:
                found.append(re.compile(re.escape(pattern) if self.fixed else pattern, flags))
            except re.error as error:
                raise UsageError(
                    f"'{pattern}' is no regular expression: {error}", hint="-F takes it as it is"
                ) from error
        return found


def _found(pattern: re.Pattern[str], commit: Commit) -> bool:
    return pattern.search(without_trailer(commit.message)) is not None


def _any(patterns: Sequence[re.Pattern[str]], text: str) -> bool:
    return any(pattern.search(text) for pattern in patterns)


def _person(who: Signature) -> str:
    return f"{who.name} <{who.email}>"
