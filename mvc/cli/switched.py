"""What ``switch`` and ``checkout`` say when HEAD has moved."""

from __future__ import annotations

from mvc.history.revisions import shorten
from mvc.repository import Repository


def way(repository: Repository, created: str | None) -> str:
    """Git's words for going to a branch, asked for before it is done; ``created`` is what -c or -C names."""
    if created is None:
        return "Switched to branch"
    if created not in repository.branches:
        return "Switched to a new branch"
    return "Reset branch" if created == repository.branch else "Switched to and reset branch"


def switched(repository: Repository, way: str) -> str:
    """Git's sentence."""
    if repository.branch is not None:
        return f"{way} '{repository.branch}'"
    commit = repository.read_commit()
    return f"HEAD is now at {shorten(commit.id)} {commit.subject}"
