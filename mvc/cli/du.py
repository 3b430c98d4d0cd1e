"""``mvc du``."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import click

from mvc.cli import completing, documents
from mvc.cli.app import Session
from mvc.cli.output import columns, counted, quoted, size
from mvc.cli.revisions import Separated, split_revisions
from mvc.paths import inside

if TYPE_CHECKING:
    from collections.abc import Callable

    from mvc.maintenance.usage import Row, Usage

KINDS = ("branch", "commit", "model", "tensor")


@click.command("du", cls=Separated)
@click.argument(
    "arguments",
    nargs=-1,
    metavar="[REVISION]... [--] [PATH]...",
    type=click.UNPROCESSED,
    shell_complete=completing.revisions_or_tracked,
)
@click.option("--by", type=click.Choice(KINDS), default="branch", help="What a line is about.")
@click.option("-t", "--tensor", "tensors", multiple=True, metavar="GLOB", help="Only tensors.")
@click.option("-n", "--max-count", "most", type=click.IntRange(0), help="Lines at most.")
@click.option("-s", "--summarize", is_flag=True, help="Only what all take together.")
@click.option("-b", "--bytes", "exact", is_flag=True, help="Sizes in bytes.")
@click.option("-h", "--human-readable", is_flag=True, help="Sizes as 1.2 GB (the default).")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def command(
    session: Session,
    arguments: tuple[str, ...],
    by: str,
    tensors: tuple[str, ...],
    most: int | None,
    summarize: bool,
    exact: bool,
    human_readable: bool,
    as_json: bool,
) -> None:
    """Show where the space is: of REVISIONs (all branches and tags), the largest first.

    STORED is what a line's objects take in the packs, OWN what of it no other line needs, LOGICAL all its
    versions as files of their own. A commit has stored what it added.
    """
    repository, output = session.repository, session.output
    revisions, paths = split_revisions(repository, arguments)
    names = [inside(repository.root, path, repository.cwd) for path in paths]
    found = repository.upkeep.usage(revisions, paths=names, tensors=tensors, by=by)
    if as_json:
        output.document("du", documents.usage(found))
        return
    show = str if exact and not human_readable else size
    rows = [] if summarize else found.rows[:most]
    output.page(_lines(found, rows, show, partial(_title, repository.read_commit)))


def _lines(
    found: Usage, rows: list[Row], show: Callable[[int], str], title: Callable[[Row], str]
) -> Iterator[str]:
    total = found.total
    steps = (
        (total.logical, f"{counted(total.versions, 'file version')}, each as a file"),
        (total.unique, f"{counted(total.objects, 'object')}, each once"),
        (total.alone, "coded, each by itself"),
        (total.stored, "stored, as differences where that is less"),
    )
    table = [
        (show(amount), "" if amount == before else _saved(amount, before), what)
        for (amount, what), (before, _) in zip(steps, steps[:1] + steps[:3], strict=True)
    ]
    yield from columns(table, ">><")
    if rows:
        yield ""
        head = ("stored", "own", "logical", found.by)
        cells = [
            (show(row.space.stored), show(row.own), show(row.space.logical), title(row))
            for row in rows
        ]
        yield from columns([tuple(click.style(word, dim=True) for word in head), *cells], ">>><")
    yield ""
    if found.bases:
        yield f"{show(found.bases)} more that some of it stands on"
    if found.unreached:
        yield f"{show(found.unreached)} more in the packs that none of this needs"
    kinds = ", ".join(f"{name} {show(amount)}" for name, amount in found.files.items() if amount)
    yield f"{show(sum(found.files.values()))} in .mvc: {kinds}"


def _saved(amount: int, before: int) -> str:
    return f"-{100 * (before - amount) / before:.1f} %" if before > amount else ""


def _title(read: Callable[[str], object], row: Row) -> str:
    if row.commit is None:
        return quoted(row.name)
    subject = getattr(read(row.commit), "subject", "")
    return f"{click.style(row.commit[:7], fg='yellow')} {quoted(subject)}"
