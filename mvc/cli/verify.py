"""``mvc verify``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from mvc.cli import completing
from mvc.cli.app import Session
from mvc.cli.judged import judged_document, judged_lines
from mvc.cli.output import columns, quoted
from mvc.cli.rendering import shape
from mvc.history.revisions import shorten

if TYPE_CHECKING:
    from mvc.diff.changes import TensorChange
    from mvc.verifying import Verdict

#: Tensors that differ before the list is cut.
_ROWS = 40


@click.command("verify")
@click.argument("file", shell_complete=completing.files)
@click.argument("path", required=False, shell_complete=completing.tracked)
@click.option(
    "--at", "revision", default="HEAD", metavar="REVISION", help="Of which commit; HEAD if none."
)
@click.option(
    "--tensors", is_flag=True, help="The tensors must be the same, not what is around them."
)
@click.option(
    "--signed",
    is_flag=True,
    help="Somebody who may sign must have signed it: the commit, or the tag that names it.",
)
@click.option("-q", "--quiet", is_flag=True, help="Only the exit code.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def command(
    session: Session,
    file: str,
    path: str | None,
    revision: str,
    tensors: bool,
    signed: bool,
    quiet: bool,
    as_json: bool,
) -> int:
    """Say whether FILE, wherever it is, is what a commit holds: the same bytes, or the same tensors.

    PATH is the tracked file to compare it with; without, the one of that name. Where the commit, or the tag
    that names it, is signed, it says by whom. Exits with 1 if the file differs, or a signature is forged.
    """
    found = session.repository.verify(file, revision, path)
    if as_json:
        session.output.document("verify", _document(file, found))
    elif not quiet:
        session.output.page(_lines(file, found, signed=signed))
    same = found.same == "equal" or (tensors and found.same == "tensors")
    return 0 if same and not found.forged and (found.vouched or not signed) else 1


def _lines(file: str, found: Verdict, *, signed: bool) -> Iterator[str]:
    place = f"{shorten(found.commit)}:{quoted(found.path)}"
    if found.same == "equal":
        yield f"{quoted(file)}: equal to {place}, byte for byte"
    elif found.same == "tensors":
        yield f"{quoted(file)}: the same tensors as {place}, but other metadata around them"
    elif found.changes:
        share = f"{len(found.changes)} of {found.total} tensors differ"
        yield f"{quoted(file)}: {share} from {place}"
        rows = [_row(change) for change in found.changes[:_ROWS]]
        yield from (f"  {line}" for line in columns(rows, "<<<<"))
        if len(found.changes) > _ROWS:
            yield f"  … and {len(found.changes) - _ROWS} more"
    else:
        yield f"{quoted(file)}: differs from {place}"
    for one in found.signatures:
        yield f"{one.kind} {shorten(one.id)}:"
        yield from (f"  {line}" for line in judged_lines(one))
        if one.root == "match" and one.check.status in "GU":
            yield "  the Merkle root that it vouches for is that of the weights"
    if signed and not found.signatures:
        yield f"commit {shorten(found.commit)} is not signed"


def _row(change: TensorChange) -> list[str]:
    version = change.new or change.old
    about = [version.entry.dtype, shape(version.entry.shape)] if version else ["", ""]
    return [change.status, quoted(change.name), *about]


def _document(file: str, found: Verdict) -> dict[str, object]:
    return {
        "file": file,
        "commit": found.commit,
        "path": found.path,
        "same": found.same,
        "changes": [{"name": one.name, "status": one.status} for one in found.changes],
        "tensors": found.total,
        "signatures": [judged_document(one) for one in found.signatures],
    }
