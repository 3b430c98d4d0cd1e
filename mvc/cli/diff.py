"""``mvc diff``."""

from __future__ import annotations

from itertools import chain

import click

from mvc.cli import completing
from mvc.cli.app import Session
from mvc.cli.compared import compared
from mvc.cli.difference import ROWS, difference_lines, name_lines, stat_lines
from mvc.cli.reports import Answer, report
from mvc.cli.revisions import Separated
from mvc.errors import UsageError


@click.command("diff", cls=Separated)
@click.argument(
    "arguments",
    nargs=-1,
    metavar="[REVISION|A..B]... [--] [PATH]...",
    type=click.UNPROCESSED,
    shell_complete=completing.revisions_or_tracked,
)
@click.option("--staged", "--cached", is_flag=True, help="What the next commit would change.")
@click.option("--stat", is_flag=True, help="A line a file.")
@click.option("--name-only", is_flag=True, help="Only the names of changed files.")
@click.option("--name-status", is_flag=True, help="Their names, and what happened to each.")
@click.option(
    "-t", "--tensor", "tensors", multiple=True, metavar="GLOB", help="Only matching tensors."
)
@click.option("--all-tensors", is_flag=True, help=f"Every tensor, not the first {ROWS} of a model.")
@click.option("--no-numbers", is_flag=True, help="Which tensors changed, without reading them.")
@click.option("--no-index", is_flag=True, help="Two files or folders, as if in no repository.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 if there is a difference.")
@click.option("--quiet", is_flag=True, help="Only the exit code; implies --exit-code.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--html", "as_html", is_flag=True, help="A page that needs nothing but a browser.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Text for a pull request.")
@click.option(
    "-o",
    "--output",
    "target",
    metavar="FILE",
    help="With --html and --markdown: write to FILE.",
)
@click.pass_obj
def command(
    session: Session,
    arguments: tuple[str, ...],
    staged: bool,
    stat: bool,
    name_only: bool,
    name_status: bool,
    tensors: tuple[str, ...],
    all_tensors: bool,
    no_numbers: bool,
    no_index: bool,
    exit_code: bool,
    quiet: bool,
    as_json: bool,
    as_html: bool,
    as_markdown: bool,
    target: str | None,
) -> int:
    """Show which tensors changed, and for each by how much.

    With nothing: stage against work tree. One REVISION: it against the work tree. Two, or A..B: one
    against the other; A...B: since they parted. Two files or folders that are in no repository, or
    --no-index: one against the other. Share of elements changed, relative L2, cosine, largest
    absolute difference, largest difference in units in the last place.
    """
    numeric: bool | int = not (no_numbers or stat)
    if numeric and not (all_tensors or as_json):
        numeric = ROWS  # what is not shown need not be read
    if as_html + as_markdown + as_json > 1:
        raise UsageError("--html, --markdown and --json cannot be used together")
    sides, output = compared(session, arguments, staged=staged, no_index=no_index), session.output
    if as_html or as_markdown:
        answer = Answer("html" if as_html else "markdown", target, all_tensors, tensors)
        return 1 if report(sides, output, answer) and (exit_code or quiet) else 0
    if target is not None:
        raise UsageError("-o goes with --html or --markdown", hint="mvc diff --html -o diff.html")
    if quiet or name_only or name_status:
        named = sides.names(tensors)
        if not quiet:
            output.page(name_lines(named, status=name_status))
        return 1 if (exit_code or quiet) and named else 0
    difference = sides.difference(tensors=tensors, numeric=numeric)
    unmerged = sides.unmerged()
    if as_json:
        from mvc.diff.schema import as_json as plain

        output.document("diff", plain(difference))
    elif stat:
        output.page(chain(unmerged, stat_lines(difference)))
    else:
        rows = None if all_tensors else ROWS
        output.page(chain(unmerged, difference_lines(difference, rows=rows)))
    return 1 if exit_code and difference else 0
