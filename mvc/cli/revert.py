"""``mvc revert``."""

from __future__ import annotations

import click

from mvc.cli import completing, rows
from mvc.cli.app import Session
from mvc.cli.identity import author
from mvc.cli.signing import SigningSeparated, signs
from mvc.errors import UsageError


@click.command("revert", cls=SigningSeparated)
@click.argument(
    "arguments",
    nargs=-1,
    metavar="[REVISION|A..B]... [-- GLOB...]",
    shell_complete=completing.revisions,
)
@click.option(
    "-m", "--mainline", type=int, metavar="N", help="Of a merge: keep its parent N's side."
)
@click.option(
    "-n", "--no-commit", is_flag=True, help="Put it on the stage and in the files; no commit."
)
@click.option(
    "-e/ ", "--edit/--no-edit", default=None, help="Edit the message, or take it as it is."
)
@rows.by_tensor
@rows.ends
@signs
@click.pass_obj
def command(
    session: Session,
    arguments: tuple[str, ...],
    mainline: int | None,
    no_commit: bool,
    edit: bool | None,
    strategy: str | None,
    additive: bool,
    end: str | None,
) -> None:
    """Take back what commits changed, each by a new commit; with GLOBs only those tensors.

    What came after stays.

    At a conflict the rest waits: settle it and --continue, or --skip it, or --abort and go back to before the
    first one.
    """
    repository = session.repository
    revisions, globs = rows.split_globs(arguments)
    rows.require_alone(end, revisions, globs)
    made = rows.telling(session, edit=edit)
    if end:
        rows.finish(session, "revert", end, made, author(repository))
    elif not revisions:
        raise UsageError("nothing to revert", hint="mvc revert REVISION")
    elif no_commit:
        from mvc.history.unfinished import Manner

        repository.stage_row(
            "revert",
            revisions,
            manner=Manner(mainline, globs),
            strategy=rows.strategy_of(strategy, additive),
        )
    else:
        repository.revert_each(
            revisions,
            mainline=mainline,
            strategy=rows.strategy_of(strategy, additive),
            tensors=globs,
            author=author(repository),
            made=made,
        )
