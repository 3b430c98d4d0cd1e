"""``mvc status``."""

from __future__ import annotations

import click

from mvc.cli import documents
from mvc.cli.app import Session
from mvc.cli.rendering import seen_from, short_status_lines, status_lines
from mvc.paths import inside


@click.command("status")
@click.option("-s", "--short", is_flag=True, help="One line a file.")
@click.option("--porcelain", is_flag=True, help="The short form, without colours.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def command(session: Session, short: bool, porcelain: bool, as_json: bool) -> None:
    """Show what differs between the last commit, the stage and the work tree."""
    repository = session.repository
    status = repository.status()
    if not (as_json or porcelain):
        status = seen_from(status, inside(repository.root, repository.cwd, repository.cwd))
    if as_json:
        session.output.document("status", documents.status(status))
    elif short or porcelain:
        lines = short_status_lines(status)
        session.output.show(map(click.unstyle, lines) if porcelain else lines)
    else:
        session.output.show(status_lines(status))
