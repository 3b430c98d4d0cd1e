"""``mvc compress forget``."""

from __future__ import annotations

import click

from compress.cli.session import Session


@click.command("forget")
@click.argument("numbers", metavar="N", nargs=-1, type=int)
@click.option("--all", "everything", is_flag=True, help="All refused tries.")
@click.pass_obj
def command(session: Session, numbers: tuple[int, ...], everything: bool) -> None:
    """Let refused tries go; their weights go with the next gc that finds nobody else needs them."""
    from mvc.errors import UsageError

    steps = session.repository.steps
    chosen = tuple(steps.refused()) if everything else numbers
    if not chosen and not everything:
        raise UsageError("which try?", hint="mvc compress status lists them; --all for all")
    for number in chosen:
        steps.forget(number)
    session.output.note([f"forgot {number}" for number in chosen])
