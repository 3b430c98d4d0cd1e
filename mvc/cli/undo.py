"""``mvc undo``."""

from __future__ import annotations

import click

from mvc.cli.app import Session


@click.command("undo")
@click.pass_obj
def command(session: Session) -> None:
    """Take back the last operation (add, commit, merge, reset, switch …); again for the one before.

    Branches, stage and, where the operation had moved it, the work tree are as they were.
    """
    operation = session.repository.undo()
    session.output.note([f"Undid: {operation.message}"])
