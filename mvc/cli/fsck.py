"""``mvc fsck``."""

from __future__ import annotations

import click

from mvc.cli.app import Session
from mvc.cli.output import quoted
from mvc.errors import IntegrityError


@click.command("fsck")
@click.option("--full", is_flag=True, help="Decode and hash every stored byte.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def command(session: Session, full: bool, as_json: bool) -> None:
    """Check that everything is there, and is what it says it is."""
    findings = list(session.repository.upkeep.fsck(full=full))
    if as_json:
        found = [{"where": f.where, "message": f.message} for f in findings]
        session.output.document("fsck", {"full": full, "findings": found})
    else:
        session.output.show(f"{quoted(f.where)}: {quoted(f.message)}" for f in findings)
    if findings:
        raise IntegrityError(
            f"{len(findings)} problem(s) found",
            hint="what no line names is whole; copy .mvc before repairs",
        )
    if not as_json:
        session.output.note(["everything is there" + (" and every byte is right" if full else "")])
