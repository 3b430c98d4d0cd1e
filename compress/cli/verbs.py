"""``mvc compress``: the group of its verbs, each a file beside this one; listing them imports no framework."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from compress.cli import (
    dequantize,
    factor,
    forget,
    heal,
    prune,
    quantize,
    rerun,
    resume,
    status,
    unfactor,
)
from compress.cli import run as run_file
from compress.cli.session import Session
from compress.environment import installed
from mvc.errors import UsageError


class _Verbs(click.Group):
    """Says what to install where a verb's module imports what is not there."""

    def invoke(self, ctx: click.Context) -> Any:
        with installed():
            return super().invoke(ctx)


@click.group("compress", cls=_Verbs, invoke_without_command=True)
@click.option("--wave", is_flag=True, help="Take the next wave of the schedule in force.")
@click.option("--data", multiple=True, metavar="FILE", help="Of --wave: other texts than the last.")
@click.option("--limit", metavar="LIMIT", help="Of --wave: another limit than the last.")
@click.option("--seed", type=int, metavar="N", help="Of --wave: another seed than the last.")
@click.option("--dry-run", "-n", is_flag=True, help="Of --wave: tell it from a few blocks.")
@click.option("--rehearse", is_flag=True, help="Of --wave: do all of it; no commit.")
@click.option("--confirm", is_flag=True, help="Of --wave: ask before the commit.")
@click.option("--json", "as_json", is_flag=True, help="Of --wave: events, a line each.")
@click.pass_context
def command(
    context: click.Context,
    wave: bool,
    data: tuple[str, ...],
    limit: str | None,
    seed: int | None,
    dry_run: bool,
    rehearse: bool,
    confirm: bool,
    as_json: bool,
) -> None:
    """Compress a model step by step: every step is a commit that can be judged and taken back.

    A step is evaluated before and after, and only kept if the model got no worse than --limit says; what is
    refused stays on a ref of its own.
    """
    given: dict[str, Any] = {"data": data or None, "limit": limit, "seed": seed}
    given = {word: value for word, value in given.items() if value is not None}
    flags = dry_run or rehearse or confirm or as_json
    if context.invoked_subcommand is not None or not wave:
        if wave or given or flags:
            verb = context.invoked_subcommand or "--wave"
            raise UsageError(
                "options between compress and a verb are of --wave, which takes none",
                hint=f"mvc compress {verb} …, and the options after it",
            )
        if context.invoked_subcommand is None:
            click.echo(context.get_help())
        return
    from compress.cli.choosing import Run
    from compress.cli.showing import run_step
    from compress.options import Options
    from compress.waves.running import next_wave

    session: Session = context.obj
    run = Run(Options(), dry_run=dry_run, rehearse=rehearse, confirm=confirm, as_json=as_json)
    run_step(
        session,
        run,
        lambda **more: next_wave(session.repository, lambda known: replace(known, **given), **more),
    )


for verb in (
    prune,
    quantize,
    dequantize,
    factor,
    unfactor,
    heal,
    resume,
    rerun,
    run_file,
    status,
    forget,
):
    command.add_command(verb.command)
