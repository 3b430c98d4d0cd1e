"""Telling revisions from paths on the command line, as Git does."""

from __future__ import annotations

import os
from collections.abc import Sequence

from mvc.errors import UsageError
from mvc.repository import Repository


def split_revisions(
    repository: Repository, arguments: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Revisions, then paths. ``--`` settles it; else a word is a revision if it can be one.

    Raises:
        UsageError: a word is neither, or could be both.
    """
    if "--" in arguments:
        at = list(arguments).index("--")
        return list(arguments[:at]), list(arguments[at + 1 :])
    for at, word in enumerate(arguments):
        names_file = os.path.lexists(os.path.join(repository.cwd, word))
        if is_revision(repository, word):
            if names_file:
                raise UsageError(
                    f"ambiguous argument '{word}': both revision and filename",
                    hint="use '--' to separate paths from revisions",
                )
            continue
        rest = list(arguments[at:])
        for path in rest:
            if not is_path(repository, path):
                repository.resolve(path)  # says what is wrong with it as a revision
        return list(arguments[:at]), rest
    return list(arguments), []


def is_path(repository: Repository, word: str) -> bool:
    """Whether ``word`` names a file here, or looks like a glob."""
    return os.path.lexists(os.path.join(repository.cwd, word)) or any(c in word for c in "*?[")


def is_revision(repository: Repository, word: str) -> bool:
    """Whether ``word`` names a commit, or a range of commits."""
    ends = [end for end in word.removeprefix("^").replace("...", "..").split("..") if end]
    try:
        for end in ends:
            repository.resolve(end)
    except UsageError:
        return False
    return bool(word)
