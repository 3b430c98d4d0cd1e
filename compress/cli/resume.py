"""``mvc compress resume``."""

from __future__ import annotations

from typing import Any

import click

from compress.cli.session import Session


@click.command("resume")
@click.option(
    "--from-layer",
    "first",
    type=int,
    metavar="K",
    help="Take over only the blocks before K, and do the others again.",
)
@click.option("--data", multiple=True, metavar="FILE", help="Where the same texts lie now.")
@click.option("--limit", metavar="LIMIT", help="Another limit than the run began with.")
@click.option("--seed", type=int, metavar="N", help="To be sure of: another is another run.")
@click.option(
    "--dry-run", "-n", is_flag=True, help="Tell what would go on, and whether it can; no commit."
)
@click.option("--confirm", is_flag=True, help="Ask before the commit, with the numbers.")
@click.option("--drop", is_flag=True, help="Forget what was cut off instead.")
@click.option("--json", "as_json", is_flag=True, help="Events as they happen, a line each.")
@click.pass_obj
def command(
    session: Session,
    first: int | None,
    data: tuple[str, ...],
    limit: str | None,
    seed: int | None,
    dry_run: bool,
    confirm: bool,
    drop: bool,
    as_json: bool,
) -> None:
    """Go on with the run that was cut off, from its last finished block."""
    from compress.cli.showing import asking, lines, reporting
    from compress.resuming import drop_run, resumable
    from compress.waves.running import resume

    repo = session.repository
    if drop:
        drop_run(repo)
        session.output.note(["forgotten"])
        return
    given: dict[str, Any] = {"first": first, "data": data, "limit": limit, "seed": seed}
    with reporting(session, as_json=as_json) as report:
        if dry_run:
            found = resumable(repo, **given)
            report("resumable", summary=found.summary, blocks=found.blocks)
        else:
            ask = asking(session) if confirm else None
            taken = resume(repo, report=report, confirm=ask, **given)
    if as_json:
        return
    if dry_run:
        said = f"dry run: would go on: {found.summary}, {found.blocks} blocks done"
        session.output.show([f"{said}; nothing has changed"])
    else:
        session.output.show(lines(taken))
