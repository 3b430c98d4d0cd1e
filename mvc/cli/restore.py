"""``mvc restore``."""

from __future__ import annotations

import click

from mvc.cli import completing
from mvc.cli.app import Session
from mvc.cli.options import quiet


@click.command("restore")
@click.argument(
    "paths", nargs=-1, required=True, metavar="PATH...", shell_complete=completing.tracked
)
@click.option("-s", "--source", metavar="REVISION", help="Take it from there, not from the stage.")
@click.option("-S", "--staged", is_flag=True, help="Restore the stage (from HEAD).")
@click.option("-W", "--worktree", is_flag=True, help="Restore the work tree (the default).")
@click.option(
    "-t", "--tensor", "tensors", multiple=True, metavar="GLOB", help="Only matching tensors."
)
@quiet
@click.pass_obj
def command(
    session: Session,
    paths: tuple[str, ...],
    source: str | None,
    staged: bool,
    worktree: bool,
    tensors: tuple[str, ...],
) -> None:
    """Put files back as the stage, or REVISION, has them; with -t only some of their tensors."""
    restored = session.repository.restore(
        paths, source=source, staged=staged, worktree=worktree or not staged, tensors=tensors
    )
    session.output.note([f"Restored {len(restored)} path(s)"])
