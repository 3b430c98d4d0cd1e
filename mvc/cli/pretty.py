"""How ``log`` and ``show`` write a commit: Git's named formats, or one of the user's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from mvc.cli.commits import Names, decorated, headline
from mvc.cli.dates import form
from mvc.cli.output import quoted
from mvc.errors import UsageError
from mvc.history.git import Commit
from mvc.history.record import without_trailer
from mvc.history.revisions import shorten
from mvc.history.signature import Signature
from mvc.values import dataclass

if TYPE_CHECKING:
    from mvc.history.judging import Judged

#: Named formats, with the lines between ``commit`` and the message: label, whose, and whether it is the name.
_HEADS: dict[str, list[tuple[str, str, bool]]] = {
    "short": [("Author: ", "a", True)],
    "medium": [("Author: ", "a", True), ("Date:   ", "a", False)],
    "full": [("Author: ", "a", True), ("Commit: ", "c", True)],
    "fuller": [
        ("Author:     ", "a", True),
        ("AuthorDate: ", "a", False),
        ("Commit:     ", "c", True),
        ("CommitDate: ", "c", False),
    ],
}
_NAMED = ("oneline", "reference", *_HEADS)


@dataclass(frozen=True, slots=True)
class Pretty:
    """``name`` is one of Git's, or ``user`` with ``text``; ``abbreviated``: seven digits of the id."""

    name: str = "medium"
    text: str = ""
    abbreviated: bool = False
    day: Callable[[Signature], str] | None = None

    @property
    def paragraphs(self) -> bool:
        """Whether an empty line stands between commits."""
        return self.name in _HEADS

    @property
    def single(self) -> bool:
        """Whether a commit is one line, which a difference follows without a gap."""
        return self.name == "oneline"

    def lines(
        self, commit: Commit, names: Names, judge: Callable[[], Judged], *, signature: bool = False
    ) -> list[str]:
        """The commit; with ``signature`` what that is worth stands below its id."""
        worth: list[str] = []
        if signature:
            from mvc.cli.judged import judged_lines

            worth = list(judged_lines(judge()))
        if self.name == "user":
            from mvc.cli.placeholders import expanded

            day = self.day or form("default")
            text = expanded(self.text, commit, names.get(commit.id, []), day, judge)
            return [*worth, *text.split("\n")]
        if self.name == "oneline":
            return [*worth, headline(commit, names, whole=not self.abbreviated)]
        if self.name == "reference":
            said = (self.day or form("short"))(commit.author)
            return [*worth, f"{shorten(commit.id)} ({quoted(commit.subject)}, {said})"]
        return list(self.long(commit, names, worth))

    def long(self, commit: Commit, names: Names, worth: Sequence[str] = ()) -> Iterator[str]:
        """One of the formats of several lines, without the trailer that mvc adds; ``worth`` below the id."""
        id_ = shorten(commit.id) if self.abbreviated else commit.id
        yield click.style(f"commit {id_}", fg="yellow") + decorated(commit, names)
        yield from worth
        if len(commit.parents) > 1:
            yield f"Merge: {' '.join(map(shorten, commit.parents))}"
        for label, whose, person in _HEADS[self.name]:
            who = commit.author if whose == "a" else commit.committer
            said = f"{quoted(who.name)} <{quoted(who.email)}>"
            yield label + (said if person else (self.day or form("default"))(who))
        yield ""
        text = without_trailer(commit.message).rstrip()
        text = commit.subject if self.name == "short" else text
        for line in text.split("\n"):
            yield f"    {quoted(line)}".rstrip()


def chosen(
    pretty: str | None, *, oneline: bool, abbreviated: bool = False, date: str | None = None
) -> Pretty:
    """What ``--pretty`` or ``--format``, ``--oneline``, ``--abbrev-commit`` and ``--date`` mean together.

    Raises:
        UsageError: there is no such format.
    """
    day = None if date is None else form(date)
    if pretty is None:
        name = "oneline" if oneline else "medium"
        return Pretty(name, abbreviated=abbreviated or oneline, day=day)
    for prefix in ("format:", "tformat:"):
        if pretty.startswith(prefix):
            return Pretty("user", pretty.removeprefix(prefix), abbreviated, day)
    if "%" in pretty:
        return Pretty("user", pretty, abbreviated, day)
    if pretty not in _NAMED:
        raise UsageError(
            f"invalid --pretty format: {pretty}",
            hint=f"one of {', '.join(_NAMED)}, or like --format='%h %an: %s'",
        )
    return Pretty(pretty, "", abbreviated, day)
