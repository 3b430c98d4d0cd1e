"""Asking for a commit message in the user's editor, as Git does."""

from __future__ import annotations

import os
import sys

import click

from mvc.cli.rendering import status_lines
from mvc.errors import UsageError
from mvc.history.record import without_trailer
from mvc.repository import Repository

_HELP = """
# Please enter the commit message for your changes. Lines starting
# with '#' will be ignored, and an empty message aborts the commit.
#
"""


def edited_message(repository: Repository, *, amend: bool) -> str | None:
    """The text that the user wrote; None where a message is known and no terminal can be asked.

    Raises:
        UsageError: there is no message, and no terminal to ask on.
    """
    known = known_message(repository, amend=amend)
    if not sys.stdin.isatty():
        if known is not None:
            return None
        raise UsageError("no commit message given", hint="mvc commit -m TEXT")
    comments = "".join(f"# {click.unstyle(line)}\n" for line in status_lines(repository.status()))
    editor = os.environ.get("GIT_EDITOR") or os.environ.get("VISUAL") or os.environ.get("EDITOR")
    text = click.edit((known or "") + _HELP + comments, editor=editor, require_save=False)
    lines = [line for line in (text or "").splitlines() if not line.startswith("#")]
    return "\n".join(lines).strip()


def edited_text(text: str) -> str:
    """``text`` as the user left it in the editor."""
    editor = os.environ.get("GIT_EDITOR") or os.environ.get("VISUAL") or os.environ.get("EDITOR")
    return click.edit(without_trailer(text), editor=editor, require_save=False) or text


def known_message(repository: Repository, *, amend: bool) -> str | None:
    """The message that there is already: the amended commit's, or the unfinished merge's."""
    if amend and repository.head is not None:
        return without_trailer(repository.read_commit().message)
    waiting = repository.unfinished()
    return waiting.message if waiting else None
