"""``mvc export``."""

from __future__ import annotations

import click

from mvc.cli import completing
from mvc.cli.app import Session
from mvc.cli.output import counted, quoted


@click.command("export")
@click.argument("revision", shell_complete=completing.revisions)
@click.argument("target", metavar="FOLDER", shell_complete=completing.files)
@click.argument("paths", nargs=-1, metavar="[PATH]...", shell_complete=completing.tracked)
@click.option("-f", "--force", is_flag=True, help="Write over files that are there.")
@click.pass_obj
def command(
    session: Session, revision: str, target: str, paths: tuple[str, ...], force: bool
) -> None:
    """Write the files of a commit, or PATHs of it, into a folder outside the work tree."""
    done = session.repository.export(revision, target, paths=paths, force=force)
    session.output.note([f"Wrote {counted(len(done), 'file')} to {quoted(target)}"])
