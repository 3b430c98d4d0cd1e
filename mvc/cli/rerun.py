"""``mvc rerun``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from mvc.cli import completing, documents
from mvc.cli.app import Session
from mvc.cli.output import quoted
from mvc.history.revisions import shorten

if TYPE_CHECKING:
    from mvc.merge.rerunning import Rerun


@click.command("rerun")
@click.argument("revision", metavar="COMMIT", shell_complete=completing.revisions)
@click.option("--verify", is_flag=True, help="Exit with 1 unless the same weights come out.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def command(session: Session, revision: str, verify: bool, as_json: bool) -> int:
    """Merge again what the merge COMMIT merged, as its record says, and compare the weights.

    Nothing changes: what comes out is hashed and let go.
    """
    done = session.repository.rerun(revision)
    if as_json:
        session.output.document("rerun", documents.rerun(done))
    else:
        session.output.show(_lines(done))
    return 1 if verify and not done.same else 0


def _lines(done: Rerun) -> Iterator[str]:
    if done.same:
        yield f"{shorten(done.commit)}: all {done.tensors} tensors come out as recorded"
        yield f"  root {done.recorded}"
        return
    yield f"{shorten(done.commit)}: {len(done.differing)} of {done.tensors} tensors come out otherwise"
    for path, name in done.differing:
        yield f"  {path}: {quoted(name)}" if name else f"  {path}"
    for name, (then, now) in done.versions.items():
        yield f"  {name} was {then}, and is {now}"
