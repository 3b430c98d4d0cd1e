"""``mvc log``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import click

from mvc.cli import completing
from mvc.cli.app import Session
from mvc.cli.commits import tombstones
from mvc.cli.limiting import limits
from mvc.cli.logged import Look, log_lines
from mvc.cli.pretty import chosen
from mvc.cli.revisions import Separated, split_revisions
from mvc.errors import UsageError
from mvc.history.git import Commit
from mvc.repository import Repository

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mvc.history.sought import Sought


@click.command("log", cls=Separated, context_settings={"ignore_unknown_options": True})
@click.argument(
    "arguments",
    nargs=-1,
    metavar="[REVISION|A..B]... [--] [PATH]...",
    type=click.UNPROCESSED,
    shell_complete=completing.revisions_or_tracked,
)
@click.option("--oneline", is_flag=True, help="One line a commit.")
@click.option(
    "--format",
    "--pretty",
    "pretty",
    metavar="FORMAT",
    help="oneline, short, medium, full, fuller, reference, or like '%h %an: %s'.",
)
@click.option("--abbrev-commit", "abbreviated", is_flag=True, help="Seven digits of each id.")
@click.option(
    "--date", metavar="FORM", help="iso, iso-strict, rfc, short, relative, unix, raw, default."
)
@click.option("--no-decorate", is_flag=True, help="Without the names of branches and tags.")
@click.option("--graph", is_flag=True, help="Draw the branches.")
@click.option(
    "-p", "-u", "--patch", "changes", flag_value="patch", help="What changed, tensor by tensor."
)
@click.option(
    "--stat",
    "changes",
    flag_value="stat",
    help="Which files changed, and how many of their tensors.",
)
@click.option("--name-only", "changes", flag_value="name-only", help="Which files changed.")
@click.option(
    "--name-status", "changes", flag_value="name-status", help="Which files changed, and how."
)
@click.option("--show-signature", is_flag=True, help="What the signature of each is worth.")
@click.option("--metrics", is_flag=True, help="What was measured of the weights.")
@click.option("-n", "--max-count", "limit", type=int, metavar="N", help="At most N commits.")
@click.option("--skip", type=int, default=0, metavar="N", help="Leave out the first N.")
@limits
@click.option("--first-parent", is_flag=True, help="Follow only the first parent of merges.")
@click.option("--follow", is_flag=True, help="Follow the one PATH beyond its renames.")
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
    pretty: str | None,
    abbreviated: bool,
    date: str | None,
    no_decorate: bool,
    graph: bool,
    changes: str | None,
    show_signature: bool,
    metrics: bool,
    limit: int | None,
    skip: int,
    sought: Sought | None,
    first_parent: bool,
    follow: bool,
    reverse: bool,
    everything: bool,
    tensors: tuple[str, ...],
    occurring: str | None,
    as_json: bool,
) -> None:
    """Show commits, newest first: of HEAD, of revisions, of ranges; of PATHs alone if given."""
    repository = session.repository
    arguments, limit = _numbered(arguments, limit)
    form = chosen(pretty, oneline=oneline, abbreviated=abbreviated, date=date)
    revisions, paths = split_revisions(repository, arguments)
    if graph and reverse:
        raise UsageError("options '--reverse' and '--graph' cannot be used together")
    end = None if limit is None or limit < 0 else limit + skip
    if follow and (len(paths) != 1 or graph or tensors or occurring or first_parent):
        raise UsageError("--follow requires exactly one pathspec", hint="mvc log --follow PATH")
    walked = (
        repository.follow(paths[0], revisions, limit=end, all=everything, sought=sought)
        if follow
        else repository.log(
            revisions,
            paths=paths,
            # The drawing must know which parents there will be a commit for.
            limit=None if graph else end,
            topological=graph,
            first_parent=first_parent,
            all=everything,
            tensors=tensors,
            occurring=occurring,
            sought=sought,
        )
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
        documents = _documents(repository, [*commits], metrics=metrics, signed=show_signature)
        session.output.document("log", {"commits": documents})
        return
    told = repository.metrics.of_each(commits) if metrics else ((commit, {}) for commit in commits)
    look = Look(form, changes, show_signature, not no_decorate)
    session.output.page(log_lines(repository, told, look, drawing, paths))


def _documents(
    repository: Repository, commits: Sequence[Commit], *, metrics: bool, signed: bool
) -> list[dict[str, Any]]:
    from mvc.cli import documents

    gone = tombstones(repository)
    found = [documents.commit(commit, gone.get(commit.id)) for commit in commits]
    if metrics:
        known = (documents.metrics(each) for _, each in repository.metrics.of_each(commits))
        found = [{**one, "metrics": each} for one, each in zip(found, known, strict=True)]
    if signed:
        from mvc.cli.judged import judged_document

        judged = (repository.verify_commit(commit) for commit in commits)
        found = [
            {**one, "signature": judged_document(each) if each.signed else None}
            for one, each in zip(found, judged, strict=True)
        ]
    return found


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
