"""``mvc verify-tag``."""

from __future__ import annotations

import click

from mvc.cli import completing
from mvc.cli.app import Session
from mvc.cli.judging import judging, report


@click.command("verify-tag")
@click.argument("names", nargs=-1, required=True, metavar="TAG...", shell_complete=completing.tags)
@judging
@click.pass_obj
def command(
    session: Session, names: tuple[str, ...], verbose: bool, raw: bool, as_json: bool
) -> int:
    """Check the signatures of tags, and that they reach the weights.

    Whose signature counts is in gpg.ssh.allowedSignersFile. Exits with 1 unless all are good.
    """
    judge = session.repository.tags.verify
    return report(session, "verify-tag", judge, names, verbose=verbose, as_json=as_json)
