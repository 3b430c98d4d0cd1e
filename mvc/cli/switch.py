"""``mvc switch``."""

from __future__ import annotations

import click

from mvc.cli import completing
from mvc.cli.app import Session
from mvc.cli.options import quiet
from mvc.cli.switched import switched, way
from mvc.cli.undecided import undecided_lines
from mvc.errors import UsageError


@click.command("switch")
@click.argument("target", required=False, shell_complete=completing.branches)
@click.argument("start", required=False, shell_complete=completing.revisions)
@click.option("-c", "--create", metavar="NAME", help="Create the branch first.")
@click.option("-C", "--force-create", metavar="NAME", help="Create it, or move it here.")
@click.option("-d", "--detach", is_flag=True, help="To a commit, on no branch.")
@click.option(
    "-f", "--discard-changes", "--force", "discard", is_flag=True, help="Drop local changes."
)
@quiet
@click.pass_obj
def command(
    session: Session,
    target: str | None,
    start: str | None,
    create: str | None,
    force_create: str | None,
    detach: bool,
    discard: bool,
) -> None:
    """Switch to a branch, files and all; local changes come along or stop it."""
    name = create or force_create
    if name is not None:
        target, start = name, target
    if target is None and detach:
        target = "HEAD"
    if target is None:
        raise UsageError("missing branch or commit argument", hint="mvc switch BRANCH")
    repository = session.repository
    waiting = repository.unfinished()
    if waiting is not None and waiting.kind != "stash":  # `checkout -f` gives it up, as in Git
        raise UsageError(
            f"cannot switch branch while a {waiting.kind} is unfinished",
            hint=f"mvc {waiting.kind} --continue or mvc {waiting.kind} --abort",
        )
    if repository.bisect.search is not None:
        click.echo("warning: you are switching branch while bisecting", err=True)
    words = way(repository, name)
    repository.switch(
        target,
        create="force" if force_create else "new" if create else "no",
        detach=detach,
        discard=discard,
        start=start,
    )
    session.output.note([switched(repository, words), *undecided_lines(repository)])
