"""``mvc verify-commit``."""

from __future__ import annotations

import click

from mvc.cli import completing
from mvc.cli.app import Session
from mvc.cli.judging import judging, report


@click.command("verify-commit")
@click.argument(
    "names", nargs=-1, required=True, metavar="COMMIT...", shell_complete=completing.revisions
)
@judging
@click.pass_obj
def command(
    session: Session, names: tuple[str, ...], verbose: bool, raw: bool, as_json: bool
) -> int:
    """Check the signatures of commits, and that they reach the weights.

    Whose signature counts is in gpg.ssh.allowedSignersFile. Exits with 1 unless all are good.
    """
    judge = session.repository.verify_commit
    return report(session, "verify-commit", judge, names, verbose=verbose, as_json=as_json)
