"""Commits by who made them: ``git shortlog``."""

from __future__ import annotations

import re
from collections.abc import Iterable

from mvc.history.git import Commit

_PATCH = re.compile(r"\[PATCH[^\]\n]*\]\s*")


def shortlog(
    commits: Iterable[Commit], *, committer: bool = False, email: bool = False
) -> dict[str, list[str]]:
    """Person → subjects, oldest first, of ``commits``, newest first; by name in the order of their bytes.

    A mail's ``[PATCH 1/2]`` is left off, as Git does.
    """
    found: dict[str, list[str]] = {}
    for commit in commits:
        who = commit.committer if committer else commit.author
        name = f"{who.name} <{who.email}>" if email else who.name
        subject = _PATCH.sub("", commit.subject, count=1) if _PATCH.match(commit.subject) else None
        found.setdefault(name, []).append(commit.subject if subject is None else subject)
    return {name: found[name][::-1] for name in sorted(found, key=lambda name: name.encode())}
