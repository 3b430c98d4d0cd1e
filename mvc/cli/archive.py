"""``mvc archive``."""

from __future__ import annotations

import sys

import click

from mvc.cli import completing
from mvc.cli.app import Session
from mvc.errors import UsageError
from mvc.history.archive import FORMATS


@click.command("archive")
@click.argument("revision", shell_complete=completing.revisions)
@click.argument("paths", nargs=-1, metavar="[PATH]...", shell_complete=completing.tracked)
@click.option("-o", "--output", "target", metavar="FILE", help="Where to; else it is written out.")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="If the name of FILE does not say it; a tar else.",
)
@click.option("--prefix", default="", metavar="FOLDER/", help="Put before every path.")
@click.pass_obj
def command(
    session: Session,
    revision: str,
    paths: tuple[str, ...],
    target: str | None,
    form: str | None,
    prefix: str,
) -> None:
    """Put the files of a commit into a tar, tar.gz or zip: the same bytes whenever and wherever."""
    if target is None and sys.stdout.isatty():
        raise UsageError("an archive is no text for a terminal", hint="-o FILE, or into a pipe")
    where = sys.stdout.buffer.write if target is None else target
    session.repository.archive(revision, where, format=form, prefix=prefix, paths=paths)
