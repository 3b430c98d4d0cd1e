"""What a verb that made a commit says about it, in Git's form."""

from __future__ import annotations

from collections.abc import Iterator

from mvc.history.git import Commit
from mvc.history.revisions import shorten
from mvc.repository import Repository


def committed(repository: Repository, commit: Commit) -> Iterator[str]:
    """``[main 1a2b3c4] message`` and what changed, in one line."""
    root = " (root-commit)" if not commit.parents else ""
    where = repository.branch or "detached HEAD"
    yield f"[{where}{root} {shorten(commit.id)}] {commit.subject}"
    changes = repository.changes_of(commit)
    if changes:
        from mvc.cli.difference import stat_total

        yield from stat_total(changes)
