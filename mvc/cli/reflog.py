"""``mvc reflog``."""

from __future__ import annotations

import click

from mvc.cli import completing, documents
from mvc.cli.app import Session
from mvc.history.revisions import shorten


@click.command("reflog")
@click.argument("ref", default="HEAD", shell_complete=completing.revisions)
@click.option("-n", "--max-count", "limit", type=int, metavar="N", help="At most N entries.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def command(session: Session, ref: str, limit: int | None, as_json: bool) -> None:
    """Show where REF (HEAD) has been, newest first."""
    moves = session.repository.reflog("HEAD" if ref == "show" else ref)[:limit]
    if as_json:
        entries = [documents.move(one) for one in moves]
        session.output.document("reflog", {"ref": ref, "entries": entries})
        return
    session.output.page(
        f"{click.style(shorten(move.new), fg='yellow')} {ref}@{{{number}}}: {move.message}"
        for number, move in enumerate(moves)
    )
