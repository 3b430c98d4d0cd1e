"""Which branches or tags are listed: by what they contain, what contains them, what they name, and their order.

Source: Git's ``ref-filter.c`` and ``versioncmp.c``, of which common ones are here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import wraps
from typing import Any, TypeVar

import click

from mvc.cli import completing
from mvc.errors import UsageError
from mvc.ids import CommitId
from mvc.repository import Repository
from mvc.values import dataclass

Verb = TypeVar("Verb", bound=Callable[..., Any])

_LIMITS = (
    ("--contains", "contains", "Only those that contain COMMIT (HEAD)."),
    ("--no-contains", "lacks", "Only those that do not contain COMMIT (HEAD)."),
    ("--merged", "merged", "Only those that COMMIT (HEAD) contains."),
    ("--no-merged", "apart", "Only those that COMMIT (HEAD) does not contain."),
    ("--points-at", "at", "Only those that name COMMIT (HEAD)."),
)
_NAMES = [name for _, name, _ in _LIMITS]
_KEYS = ("refname", "version:refname", "v:refname", "creatordate", "committerdate")


@dataclass(frozen=True, slots=True)
class Filter:
    """Limits, each a revision or None; ``sort`` is a key of Git's, ``-`` before it for the other way."""

    contains: str | None = None
    lacks: str | None = None
    merged: str | None = None
    apart: str | None = None
    at: str | None = None
    sort: str | None = None

    @property
    def asked(self) -> bool:
        """Whether there is any limit, which makes it a list."""
        return any(getattr(self, name) is not None for name in _NAMES) or self.sort is not None

    def chosen(
        self, repository: Repository, refs: Mapping[str, CommitId], patterns: Sequence[str]
    ) -> list[str]:
        """The names of ``refs``, which have their commits, that are meant and match a pattern, in order.

        Raises:
            UsageError: a limit names no commit, or there is no such order.
        """
        ends = {name: getattr(self, name) for name in _NAMES}
        commits = {name: repository.resolve(end) for name, end in ends.items() if end is not None}

        def meant(tip: CommitId) -> bool:
            return all(_holds(repository, name, one, tip) for name, one in commits.items())

        found = [
            name
            for name, tip in refs.items()
            if (not patterns or any(fnmatchcase(name, one) for one in patterns)) and meant(tip)
        ]
        return self._sorted(repository, refs, found)

    def _sorted(
        self, repository: Repository, refs: Mapping[str, CommitId], names: list[str]
    ) -> list[str]:
        key = (self.sort or "refname").removeprefix("-")
        if key not in _KEYS:
            raise UsageError(f"unknown field name: {key}", hint=f"one of {', '.join(_KEYS)}")
        names = sorted(names)
        down = (self.sort or "").startswith("-")
        if key.startswith("v"):
            return sorted(names, key=_version, reverse=down)
        if key.endswith("date"):
            return sorted(
                names,
                key=lambda name: repository.read_commit(refs[name]).committer.time,
                reverse=down,
            )
        return names[::-1] if down else names


def _holds(repository: Repository, limit: str, commit: CommitId, tip: CommitId) -> bool:
    if limit == "at":
        return commit == tip
    if limit in ("contains", "lacks"):
        return repository.is_ancestor(commit, tip) is (limit == "contains")
    return repository.is_ancestor(tip, commit) is (limit == "merged")


def limits_refs(verb: Verb) -> Verb:
    """The options, as one value ``which``."""

    @wraps(verb)
    def limited(*args: Any, **kwargs: Any) -> Any:
        given = {name: kwargs.pop(name) for name in (*_NAMES, "sort")}
        return verb(*args, which=Filter(**given), **kwargs)

    found: Any = click.option("--sort", metavar="KEY", help=f"By {', '.join(_KEYS)}; - reverses.")(
        limited
    )
    for word, name, said in reversed(_LIMITS):
        found = click.option(
            word,
            name,
            is_flag=False,
            flag_value="HEAD",
            metavar="[COMMIT]",
            shell_complete=completing.revisions,
            help=said,
        )(found)
    limited_verb: Verb = found
    return limited_verb


def _version(name: str) -> list[tuple[int, int, str]]:
    """Numbers in a name count as numbers: v1.10 comes after v1.9."""
    return [
        (0, int(part), "") if part.isdecimal() else (1, 0, part)
        for part in re.split(r"(\d+)", name)
        if part
    ]
