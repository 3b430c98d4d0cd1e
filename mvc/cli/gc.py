"""``mvc gc``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

import click

from mvc.cli.app import Session
from mvc.cli.output import counted, size

if TYPE_CHECKING:
    from mvc.maintenance.gc import Collected
    from mvc.maintenance.repack import Repacked


@click.command("gc")
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would be done.")
@click.option(
    "--prune",
    metavar="DATE",
    help="Remove what nothing has reached since DATE (2.weeks.ago; now: at once; never).",
)
@click.option("--no-prune", is_flag=True, help="Remove nothing; the same as --prune=never.")
@click.option(
    "--expire",
    metavar="DATE",
    help="Let undo and reflogs forget what is older than DATE (90.days.ago).",
)
@click.option(
    "--aggressive",
    is_flag=True,
    help="Also plan anew what is stored as the difference to what (mvc repack): takes time.",
)
@click.option("-q", "--quiet", is_flag=True, help="Say nothing.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def command(
    session: Session,
    dry_run: bool,
    prune: str | None,
    no_prune: bool,
    expire: str | None,
    aggressive: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Remove what nothing reaches any more, and pack what stays.

    What a branch, a tag, the stage, a stash, a reflog or an operation reaches stays. Old reflog entries and
    operations expire; what only they reached goes after a grace period.
    """
    done = session.repository.upkeep.gc(
        prune="never" if no_prune else prune,
        expire=expire,
        aggressive=aggressive,
        dry_run=dry_run,
    )
    if as_json:
        found = asdict(done)
        found["until"] = done.until if done.waiting and math.isfinite(done.until) else None
        session.output.document("gc", found)
    elif not quiet:
        session.output.note(list(_lines(done)) or ["nothing to collect"])


def _lines(done: Collected) -> Iterator[str]:
    would = "would " if done.dry_run else ""

    def verb(past: str, plain: str) -> str:
        return would + plain if would else past

    if done.operations or done.moves:
        entries = [
            counted(number, what)
            for number, what in ((done.operations, "operation"), (done.moves, "reflog step"))
            if number
        ]
        forget = verb("forgot", "forget")
        yield f"{forget} {' and '.join(entries)}: undo and reflogs no longer reach behind them"
    if done.packed:
        sizes = f", {size(done.git_before)}"
        if done.git_after is not None:
            sizes += f" → {size(done.git_after)}"
        yield f"{verb('packed', 'pack')} {counted(done.packed, 'Git object')}{sizes}"
    if done.repacked is not None:
        yield repacked_line(done.repacked, done.dry_run)
    if done.gathered:
        yield f"{verb('copied', 'copy')} what lives in {counted(done.gathered, 'pack')} into a new one"
    if done.objects or done.git_objects:
        gone = f"{counted(done.objects, 'object')} and {counted(done.git_objects, 'Git object')}"
        yield f"{verb('removed', 'remove')} {gone} that nothing reaches"
    if done.kept or done.git_kept:
        young = f"{counted(done.kept, 'object')} and {counted(done.git_kept, 'Git object')}"
        yield f"{verb('kept', 'keep')} {young} that nothing reaches: they are too young to go"
    if done.leftovers:
        yield f"{verb('removed', 'remove')} {counted(done.leftovers, 'file')} of killed commands"
    if done.freed > 0:
        yield f"{verb('freed', 'free')} {size(done.freed)}"
    if done.waiting:
        end = (
            ""
            if math.isinf(done.until)
            else f" until {datetime.fromtimestamp(done.until):%Y-%m-%d}"
        )
        yield f"{verb('kept', 'keep')} {size(done.waiting)} of old packs{end}: the grace period"


def repacked_line(done: Repacked, dry_run: bool) -> str:
    """What a repack did, or would do."""
    if not done.objects:
        return "every version is stored over the best base found"
    verb, about = ("would store", "about ") if dry_run else ("stored", "")
    sizes = f"{size(done.before)} → {about}{size(done.after)}"
    return f"{verb} {counted(done.objects, 'object')} over better bases, {sizes}"
