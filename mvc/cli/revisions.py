"""Telling revisions from paths on the command line, as Git does."""

from __future__ import annotations

import os
from collections.abc import Sequence

import click

from mvc.errors import UsageError
from mvc.repository import Repository


class Separated(click.Command):
    """A command whose words hear of ``--``: click drops it, and with it what it says about them."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Give click a second ``--`` to drop."""
        if "--" in args:
            args.insert(args.index("--"), "--")
        return super().parse_args(ctx, args)


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
                _complain(repository, path)
        return list(arguments[:at]), rest
    return list(arguments), []


def _complain(repository: Repository, word: str) -> None:
    """Say what is wrong with ``word`` as a revision, and that it is no path either."""
    try:
        repository.resolve(word)
    except UsageError as error:
        if not error.message.startswith("unknown revision"):
            raise
        raise UsageError(
            f"{error.message}, and no such path in the work tree",
            hint=f"{error.hint}; a path that is gone goes after '--'",
        ) from error


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
