"""``mvc mv``."""

from __future__ import annotations

import click

from mvc.cli import completing
from mvc.cli.app import Session


@click.command("mv")
@click.argument(
    "sources", nargs=-1, required=True, metavar="SOURCE...", shell_complete=completing.tracked
)
@click.argument("target", metavar="TARGET")
@click.option("-f", "--force", is_flag=True, help="Replace a file that is there.")
@click.option("-v", "--verbose", is_flag=True, help="Name each file.")
@click.pass_obj
def command(
    session: Session, sources: tuple[str, ...], target: str, force: bool, verbose: bool
) -> None:
    """Rename files or folders, on disk and on the stage; no weights are copied."""
    pairs = session.repository.move(sources, target, force=force)
    if verbose:
        session.output.note(f"Renaming {source} to {end}" for source, end in pairs)
