"""``mvc log``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import click

from mvc.cli import completing
from mvc.cli.app import Session
from mvc.cli.commits import decorations, headline, long_form, tombstones
from mvc.cli.measured import said, values
from mvc.cli.revisions import Separated, split_revisions
from mvc.errors import UsageError
from mvc.history.git import Commit
from mvc.repository import Repository

if TYPE_CHECKING:
    from mvc.cli.graph import Graph
    from mvc.history.metrics import Measured


@click.command("log", cls=Separated, context_settings={"ignore_unknown_options": True})
@click.argument(
    "arguments",
    nargs=-1,
    metavar="[REVISION|A..B]... [--] [PATH]...",
    type=click.UNPROCESSED,
    shell_complete=completing.revisions_or_tracked,
)
@click.option("--oneline", is_flag=True, help="One line a commit.")
@click.option("--graph", is_flag=True, help="Draw the branches.")
@click.option("--stat", is_flag=True, help="Which files changed, and how many of their tensors.")
@click.option("--metrics", is_flag=True, help="What was measured of the weights.")
@click.option("-n", "--max-count", "limit", type=int, metavar="N", help="At most N commits.")
@click.option("--skip", type=int, default=0, metavar="N", help="Leave out the first N.")
@click.option("--first-parent", is_flag=True, help="Follow only the first parent of merges.")
@click.option("--reverse", is_flag=True, help="Oldest first.")
@click.option("--all", "everything", is_flag=True, help="From all branches and tags.")
@click.option(
    "-t",
    "--tensor",
    "tensors",
    multiple=True,
    metavar="GLOB",
    help="Only commits that changed a matching tensor.",
)
@click.option(
    "-S",
    "--find-object",
    "occurring",
    metavar="ID",
    help="Only commits that changed how often a tensor of this id occurs; its first digits will do.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def command(
    session: Session,
    arguments: tuple[str, ...],
    oneline: bool,
    graph: bool,
    stat: bool,
    metrics: bool,
    limit: int | None,
    skip: int,
    first_parent: bool,
    reverse: bool,
    everything: bool,
    tensors: tuple[str, ...],
    occurring: str | None,
    as_json: bool,
) -> None:
    """Show commits, newest first: of HEAD, of revisions, of ranges; of PATHs alone if given."""
    repository = session.repository
    arguments, limit = _numbered(arguments, limit)
    revisions, paths = split_revisions(repository, arguments)
    if graph and reverse:
        raise UsageError("options '--reverse' and '--graph' cannot be used together")
    end = None if limit is None or limit < 0 else limit + skip
    walked = repository.log(
        revisions,
        paths=paths,
        # The drawing must know which parents there will be a commit for.
        limit=None if graph else end,
        topological=graph,
        first_parent=first_parent,
        all=everything,
        tensors=tensors,
        occurring=occurring,
    )
    drawing = None
    if graph:
        from mvc.cli.graph import Graph

        found = list(walked)
        drawing = Graph({commit.id for commit in found}, first_parent=first_parent)
        walked = iter(found)
    commits: Iterator[Commit] = islice(walked, skip, end)
    if reverse:
        commits = reversed(list(commits))
    if as_json:
        from mvc.cli import documents

        gone = tombstones(repository)
        told_ = [*commits]
        found_ = [documents.commit(commit, gone.get(commit.id)) for commit in told_]
        if metrics:
            known = (documents.metrics(each) for _, each in repository.metrics.of_each(told_))
            found_ = [{**one, "metrics": each} for one, each in zip(found_, known, strict=True)]
        session.output.document("log", {"commits": found_})
        return
    told = repository.metrics.of_each(commits) if metrics else ((commit, {}) for commit in commits)
    session.output.page(_lines(repository, told, oneline, drawing, stat, paths))


def _numbered(arguments: Sequence[str], limit: int | None) -> tuple[tuple[str, ...], int | None]:
    """``-3`` is short for ``-n 3``."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    kept = []
    for argument in arguments[:end]:
        if argument[:1] == "-" and argument[1:].isdigit():
            limit = int(argument[1:])
        elif argument.startswith("-"):
            raise click.NoSuchOption(argument, ctx=click.get_current_context())
        else:
            kept.append(argument)
    return (*kept, *arguments[end:]), limit


def _lines(
    repository: Repository,
    commits: Iterator[tuple[Commit, dict[str, Measured]]],
    oneline: bool,
    drawing: Graph | None,
    stat: bool,
    paths: Sequence[str],
) -> Iterator[str]:
    names = decorations(repository)
    if stat:
        from mvc.cli.difference import stat_lines
    first = True
    for commit, known in commits:
        text = [headline(commit, names)] if oneline else list(long_form(commit, names))
        if known and oneline:
            text[0] += f"  {said(known)}"
        elif known:
            text += ["", "Metrics:", *(f"    {line}" for line in values(known))]
        if stat:
            changed = list(stat_lines(repository.changes_of(commit, paths=paths)))
            text += changed if oneline else ["", *changed]
        if not oneline and not first and drawing is None:
            yield ""
        first = False
        if drawing is None:
            yield from text
        else:
            yield from drawing.draw(commit, text if oneline else [*text, ""])
