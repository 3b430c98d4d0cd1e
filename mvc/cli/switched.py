"""What ``switch`` and ``checkout`` say when HEAD has moved."""

from __future__ import annotations

from mvc.history.revisions import shorten
from mvc.repository import Repository


def switched(repository: Repository, *, created: bool) -> str:
    """Git's sentence."""
    if repository.branch is not None:
        new = "a new branch" if created else "branch"
        return f"Switched to {new} '{repository.branch}'"
    commit = repository.read_commit()
    return f"HEAD is now at {shorten(commit.id)} {commit.subject}"
