"""``mvc compress resume``."""

from __future__ import annotations

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
@click.option("--confirm", is_flag=True, help="Ask before the commit, with the numbers.")
@click.option("--drop", is_flag=True, help="Forget what was cut off instead.")
@click.option("--json", "as_json", is_flag=True, help="Events as they happen, a line each.")
@click.pass_obj
def command(
    session: Session,
    first: int | None,
    data: tuple[str, ...],
    limit: str | None,
    confirm: bool,
    drop: bool,
    as_json: bool,
) -> None:
    """Go on with the run that was cut off, from its last finished block."""
    from compress.cli.showing import asking, lines, reporting
    from compress.running import drop_run
    from compress.waves.running import resume

    if drop:
        drop_run(session.repository)
        session.output.note(["forgotten"])
        return
    with reporting(session, as_json=as_json) as report:
        taken = resume(
            session.repository,
            report=report,
            first=first,
            data=data,
            limit=limit,
            confirm=asking(session) if confirm else None,
        )
    if not as_json:
        session.output.show(lines(taken))
