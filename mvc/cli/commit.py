"""``mvc commit``."""

from __future__ import annotations

from typing import TextIO

import click

from mvc.cli.app import Session
from mvc.cli.committed import committed
from mvc.cli.identity import author
from mvc.cli.options import quiet
from mvc.cli.signing import Signing, signs


@click.command("commit", cls=Signing)
@click.option(
    "-m", "--message", "messages", multiple=True, help="The message; repeat for paragraphs."
)
@click.option(
    "-F", "--file", "source", type=click.File(), help="Take the message from a file, or -."
)
@click.option("-a", "--all", "everything", is_flag=True, help="Stage changed tracked files first.")
@click.option("--amend", is_flag=True, help="Replace the last commit.")
@click.option("--no-edit", is_flag=True, help="Keep the message as it is.")
@click.option("--allow-empty", is_flag=True, help="Also when nothing changed.")
@signs
@quiet
@click.pass_obj
def command(
    session: Session,
    messages: tuple[str, ...],
    source: TextIO | None,
    everything: bool,
    amend: bool,
    no_edit: bool,
    allow_empty: bool,
) -> None:
    """Record what is on the stage as a commit; concludes a merge or a revert."""
    repository = session.repository
    message = "\n\n".join(messages) if messages else source.read() if source else None
    if message is None and not no_edit:
        from mvc.cli.editor import edited_message

        message = edited_message(repository, amend=amend)
    commit = repository.commit(
        message,
        author=None if amend else author(repository),
        all=everything,
        amend=amend,
        allow_empty=allow_empty,
    )
    session.output.note(committed(repository, commit))
