"""``mvc repair``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mvc.cli.app import Session
from mvc.cli.output import counted, quoted
from mvc.errors import IntegrityError

if TYPE_CHECKING:
    from mvc.maintenance.finding import Repaired


@click.command("repair")
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would be done and what is lost.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def command(session: Session, dry_run: bool, as_json: bool) -> None:
    """Put right what is damaged, and say what is lost.

    Indexes and packs are made again from what is whole, refs are taken from their logs. Nothing is deleted:
    what is replaced goes to .mvc/lost-found/.
    """
    steps = session.upkeep.repair(dry_run=dry_run)
    if as_json:
        done = [{"where": s.where, "what": s.what, "lost": s.lost} for s in steps]
        session.output.document("repair", {"dry_run": dry_run, "steps": done})
    else:
        session.output.show(map(_line, steps))
    lost = sum(step.lost for step in steps)
    if lost:
        raise IntegrityError(
            f"{counted(lost, 'thing')} could not be brought back; all else is whole",
            hint="what each line says, then mvc fsck --full",
        )
    if as_json:
        return
    if not steps:
        session.output.note(["nothing to repair"])
    elif dry_run:
        session.output.note(["nothing was changed: mvc repair does it"])


def _line(step: Repaired) -> str:
    return ("lost: " if step.lost else "") + f"{quoted(step.where)}: {quoted(step.what)}"
