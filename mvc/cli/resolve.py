"""``mvc resolve``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from mvc.cli import completing
from mvc.cli.app import Session
from mvc.cli.committed import committed
from mvc.cli.identity import author
from mvc.cli.options import quiet
from mvc.cli.output import counted, quoted
from mvc.cli.recipes import RecipeWords, recipe_options
from mvc.errors import UsageError

if TYPE_CHECKING:
    from mvc.merge.settling import Settled


@click.command("resolve")
@click.argument(
    "only", nargs=-1, metavar="[PATH|TENSOR|GLOB]...", shell_complete=completing.tracked
)
@click.option(
    "-X",
    "--strategy",
    metavar="NAME",
    shell_complete=completing.strategies,
    help="ours, theirs, base, average or additive; or linear, ties, … over the sides.",
)
@recipe_options
@click.option("-m", "--message", help="The message of the commit.")
@click.option("-n", "--no-commit", is_flag=True, help="On the stage and in the files alone.")
@quiet
@click.pass_obj
def command(
    session: Session,
    only: tuple[str, ...],
    strategy: str | None,
    words: RecipeWords,
    message: str | None,
    no_commit: bool,
) -> None:
    """Settle undecided tensors by a strategy: all, or those that are named.

    Those that merge --keep-conflicts has committed are settled by a commit, whose record says how. While a
    merge waits they are settled on the stage and in the files, and merge --continue commits.
    """
    if strategy is None and not (words.rules or words.file):
        raise UsageError("no strategy given", hint="mvc resolve --strategy average")
    if no_commit and message is not None:
        raise UsageError("-m is for a commit, and --no-commit makes none")
    repository, output = session.repository, session.output
    done = repository.settle(
        only,
        strategy,
        recipe=words.recipe(strategy),
        commit=not no_commit,
        message=message,
        author=author(repository),
    )
    if done.commit is not None:
        output.note(committed(repository, repository.read_commit(done.commit)))
    output.note(_lines(done))


def _lines(done: Settled) -> Iterator[str]:
    for path, names in done.tensors.items():
        what = quoted(names[0]) if len(names) == 1 else counted(len(names), "tensor")
        yield f" {quoted(path)}: {what} settled"
    for path in done.files:
        yield f" {quoted(path)}: settled"
    if done.left:
        be = "is" if done.left == 1 else "are"
        yield f" {counted(done.left, 'tensor')} {be} still undecided"
