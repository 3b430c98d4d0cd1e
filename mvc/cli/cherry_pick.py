"""``mvc cherry-pick``."""

from __future__ import annotations

import click

from mvc.cli import completing, rows
from mvc.cli.app import Session
from mvc.cli.signing import SigningSeparated, signs
from mvc.errors import UsageError


@click.command("cherry-pick", cls=SigningSeparated)
@click.argument(
    "arguments",
    nargs=-1,
    metavar="[REVISION|A..B]... [-- GLOB...]",
    shell_complete=completing.revisions,
)
@click.option(
    "-m", "--mainline", type=int, metavar="N", help="Of a merge: what it changed of its parent N."
)
@click.option("-x", "cite", is_flag=True, help="Say in the message which commit it was.")
@click.option(
    "-n", "--no-commit", is_flag=True, help="Put it on the stage and in the files; no commit."
)
@click.option(
    "-e/ ", "--edit/--no-edit", default=None, help="Edit the message, or take it as it is."
)
@click.option("--allow-empty", is_flag=True, help="Also a commit that changed nothing.")
@rows.by_tensor
@rows.ends
@signs
@click.pass_obj
def command(
    session: Session,
    arguments: tuple[str, ...],
    mainline: int | None,
    cite: bool,
    no_commit: bool,
    edit: bool | None,
    allow_empty: bool,
    strategy: str | None,
    additive: bool,
    end: str | None,
) -> None:
    """Bring over what commits changed, each as a new commit; with GLOBs only those tensors.

    At a conflict the rest waits: settle it and --continue, or --skip it, or --abort and go back to before the
    first one.
    """
    from mvc.history.unfinished import Manner

    repository = session.repository
    revisions, globs = rows.split_globs(arguments)
    rows.require_alone(end, revisions, globs)
    made = rows.telling(session, edit=edit)
    if end:
        rows.finish(session, "cherry-pick", end, made)
    elif not revisions:
        raise UsageError("nothing to pick", hint="mvc cherry-pick REVISION")
    else:
        manner = Manner(mainline, globs, cite, allow_empty)
        chosen = rows.strategy_of(strategy, additive)
        if no_commit:
            repository.stage_row("cherry-pick", revisions, manner=manner, strategy=chosen)
        else:
            repository.cherry_pick(revisions, manner=manner, strategy=chosen, made=made)
