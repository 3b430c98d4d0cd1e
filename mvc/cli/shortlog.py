"""``mvc shortlog``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import click

from mvc.cli import completing
from mvc.cli.app import Session
from mvc.cli.output import quoted
from mvc.cli.revisions import Separated, split_revisions


@click.command("shortlog", cls=Separated)
@click.argument(
    "arguments",
    nargs=-1,
    metavar="[REVISION|A..B]... [--] [PATH]...",
    type=click.UNPROCESSED,
    shell_complete=completing.revisions_or_tracked,
)
@click.option("-s", "--summary", is_flag=True, help="Only how many commits.")
@click.option("-n", "--numbered", is_flag=True, help="Who made most of them first.")
@click.option("-e", "--email", is_flag=True, help="With the addresses.")
@click.option("-c", "--committer", is_flag=True, help="Who committed, not who wrote.")
@click.option("--all", "everything", is_flag=True, help="From all branches and tags.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def command(
    session: Session,
    arguments: tuple[str, ...],
    summary: bool,
    numbered: bool,
    email: bool,
    committer: bool,
    everything: bool,
    as_json: bool,
) -> None:
    """Show commits by author: of HEAD, of revisions, of ranges; of PATHs alone if given."""
    repository = session.repository
    revisions, paths = split_revisions(repository, arguments)
    found = repository.shortlog(
        revisions, paths=paths, all=everything, committer=committer, email=email
    )
    people = sorted(found.items(), key=lambda one: -len(one[1])) if numbered else [*found.items()]
    if as_json:
        rows = [{"who": who, "commits": len(what), "subjects": what} for who, what in people]
        session.output.document("shortlog", {"people": rows})
    elif summary:
        session.output.page(f"{len(what):6}\t{quoted(who)}" for who, what in people)
    else:
        session.output.page(_lines(dict(people)))


def _lines(people: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for who, subjects in people.items():
        yield f"{quoted(who)} ({len(subjects)}):"
        yield from (f"      {quoted(subject)}" for subject in subjects)
        yield ""
