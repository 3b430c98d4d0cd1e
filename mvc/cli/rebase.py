"""``mvc rebase``."""

from __future__ import annotations

import click

from mvc.cli import completing, rows
from mvc.cli.app import Session
from mvc.cli.options import quiet
from mvc.cli.signing import Signing, as_begun, signs
from mvc.errors import UsageError


@click.command("rebase", cls=Signing)
@click.argument("upstream", required=False, shell_complete=completing.revisions)
@click.argument("branch", required=False, shell_complete=completing.branches)
@click.option("--onto", metavar="REVISION", help="Where to make them again, if not on UPSTREAM.")
@rows.by_tensor
@rows.ends
@signs
@quiet
@click.pass_obj
def command(
    session: Session,
    upstream: str | None,
    branch: str | None,
    onto: str | None,
    strategy: str | None,
    additive: bool,
    end: str | None,
) -> None:
    """Make the commits of BRANCH that UPSTREAM lacks again on top of it; merges are left out.

    At a conflict the rest waits: settle it and --continue, or --skip it, or --abort and go back.
    """
    repository, output = session.repository, session.output
    rows.require_alone(end, upstream, onto)

    def said(sentence: str) -> None:
        output.note([sentence])

    if end == "abort":
        rows.abort(session, "rebase")
        return
    if end == "quit":
        repository.quit_row("rebase")
        return
    if end is not None:
        as_begun(repository)
    if end == "continue":
        done = repository.continue_rebase(said=said)
    elif end == "skip":
        done = repository.skip_rebase(said=said)
    elif upstream is None:
        raise UsageError(
            "Please specify which branch you want to rebase against.", hint="mvc rebase BRANCH"
        )
    else:
        chosen = rows.strategy_of(strategy, additive)
        done = repository.rebase(upstream, branch, onto=onto, strategy=chosen, said=said)
    if done.moved:
        name = "detached HEAD" if done.home == "HEAD" else done.home
        output.note([f"Successfully rebased and updated {name}."])
    elif done.home == "HEAD":
        output.note(["HEAD is up to date."])
    else:
        output.note([f"Current branch {done.home.removeprefix('refs/heads/')} is up to date."])
