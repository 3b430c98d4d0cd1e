"""``mvc rm``."""

from __future__ import annotations

import click

from mvc.cli import completing
from mvc.cli.app import Session
from mvc.cli.options import quiet


@click.command("rm")
@click.argument(
    "paths", nargs=-1, required=True, metavar="PATH...", shell_complete=completing.tracked
)
@click.option("--cached", is_flag=True, help="Only from the stage; the file stays.")
@click.option("-f", "--force", is_flag=True, help="Also files with changes that no commit holds.")
@click.option("-r", "recursive", is_flag=True, help="Folders with all that is in them.")
@quiet
@click.pass_obj
def command(
    session: Session, paths: tuple[str, ...], cached: bool, force: bool, recursive: bool
) -> None:
    """Remove files from the stage and from the work tree."""
    removed = session.repository.remove(paths, cached=cached, force=force, recursive=recursive)
    session.output.note(f"rm '{path}'" for path in removed)
