"""``mvc fsck``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mvc.cli.app import Session
from mvc.cli.output import counted, quoted
from mvc.errors import IntegrityError

if TYPE_CHECKING:
    from mvc.maintenance.finding import Finding


@click.command("fsck")
@click.option("--full", is_flag=True, help="Decode and hash every stored byte.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def command(session: Session, full: bool, as_json: bool) -> None:
    """Check that everything is there, and is what it says it is."""
    findings = list(session.upkeep.fsck(full=full))
    damage = [found for found in findings if not found.harmless]
    if as_json:
        found = [{"where": f.where, "message": f.message, "harmless": f.harmless} for f in findings]
        session.output.document("fsck", {"full": full, "findings": found})
    else:
        session.output.show(map(_line, findings))
    if damage:
        raise IntegrityError(
            f"{counted(len(damage), 'problem')} found; what no line names is whole",
            hint="mvc repair -n shows what can be put right, and what is lost",
        )
    if not as_json:
        session.output.note(["everything is there" + (" and every byte is right" if full else "")])


def _line(found: Finding) -> str:
    return ("note: " if found.harmless else "") + f"{quoted(found.where)}: {quoted(found.message)}"
