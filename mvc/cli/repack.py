"""``mvc repack``."""

from __future__ import annotations

from dataclasses import asdict

import click

from mvc.cli.app import Session
from mvc.cli.gc import repacked_line


@click.command("repack")
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would be saved, about.")
@click.option(
    "-d", "delete", is_flag=True, help="Then remove old packs, those of the grace period later."
)
@click.option("-q", "--quiet", is_flag=True, help="Say nothing.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def command(session: Session, dry_run: bool, delete: bool, quiet: bool, as_json: bool) -> None:
    """Plan anew, over the whole history, which version is stored as the difference to which.

    What changes is written into a new pack, read back and verified. The old packs stay until -d, or mvc gc,
    removes them.
    """
    done = session.repository.upkeep.repack(delete=delete, dry_run=dry_run)
    if as_json:
        session.output.document("repack", {"dry_run": dry_run, **asdict(done)})
    elif not quiet:
        session.output.note([repacked_line(done, dry_run)])
