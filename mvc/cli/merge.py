"""``mvc merge``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from mvc.cli import completing
from mvc.cli.app import Session
from mvc.cli.committed import committed
from mvc.cli.difference import stat_lines
from mvc.cli.identity import author
from mvc.cli.merged import made_lines, merged_lines
from mvc.cli.options import quiet
from mvc.cli.recipes import RecipeWords, from_result, recipe_options
from mvc.cli.settings import here, is_true
from mvc.cli.signing import Signing, signs
from mvc.cli.undecided import undecided_lines
from mvc.errors import UsageError
from mvc.history.revisions import shorten

if TYPE_CHECKING:
    from mvc.history.judging import Judged


@click.command("merge", cls=Signing)
@click.argument("others", nargs=-1, metavar="[REVISION]...", shell_complete=completing.revisions)
@click.option("-m", "--message", help="The message of the merge commit.")
@click.option(
    "--ff/--no-ff", default=None, help="Move the branch alone where that suffices, or never."
)
@click.option("--ff-only", is_flag=True, help="Only if moving the branch suffices.")
@click.option(
    "-X",
    "--strategy",
    metavar="NAME",
    shell_complete=completing.strategies,
    help="For tensors that both sides changed: ours, theirs, base or average; or for all: linear, ties, …",
)
@recipe_options
@from_result
@click.option(
    "--keep-conflicts",
    is_flag=True,
    help="Commit what both sides changed as it is, with both sides; mvc resolve settles it later.",
)
@click.option(
    "--adapter",
    metavar="PATH",
    help="Write a LoRA adapter, REVISION's or HEAD's own, into the model.",
)
@click.option("--into", metavar="MODEL", help="Which model, where there are several.")
@click.option(
    "--continue", "conclude", is_flag=True, help="Conclude it: all conflicts are settled."
)
@click.option("--abort", is_flag=True, help="Give it up; everything as before.")
@click.option("--no-edit", is_flag=True, help="Take the message as it is (the default).")
@click.option(
    "--verify-signatures/--no-verify-signatures",
    "verified",
    default=None,
    help="Only if the last commit of each is signed well, by somebody who may.",
)
@signs
@quiet
@click.pass_obj
def command(
    session: Session,
    others: tuple[str, ...],
    message: str | None,
    ff: bool | None,
    ff_only: bool,
    strategy: str | None,
    words: RecipeWords,
    keep_conflicts: bool,
    adapter: str | None,
    into: str | None,
    conclude: bool,
    abort: bool,
    no_edit: bool,
    verified: bool | None,
) -> None:
    """Merge REVISIONs into the current branch, tensor by tensor.

    A tensor that one side changed is taken; one that both changed takes the strategy, or waits for you, or is
    kept undecided. With a strategy such as linear or ties every tensor is made of all models.
    """
    repository, output = session.repository, session.output
    if abort or conclude:
        if others:
            raise UsageError("--continue and --abort take no revision")
        if abort:
            repository.abort("merge")
            return
        waiting = repository.unfinished()
        if waiting is None or waiting.kind != "merge":
            raise UsageError("there is no merge in progress", hint="mvc merge REVISION")
        commit = repository.commit(
            message, author=author(repository), keep_conflicts=keep_conflicts
        )
        output.note(committed(repository, commit))
        output.note(undecided_lines(repository))
        return
    if adapter is not None:
        if len(others) > 1 or strategy is not None or ff_only or verified:
            raise UsageError(
                "--adapter takes one revision at most, no strategy, and verifies no signature"
            )
        outcome = repository.merge_adapter(
            adapter,
            others[0] if others else None,
            into=into,
            weight=words.scale(),
            message=message,
            author=author(repository),
        )
    elif into is not None:
        raise UsageError("--into says where an adapter goes", hint="mvc merge --adapter PATH")
    elif not others:
        raise UsageError("nothing to merge", hint="mvc merge BRANCH")
    else:
        outcome = repository.merge(
            others[0] if len(others) == 1 else others,
            message=message,
            fast_forward="only" if ff_only else "never" if ff is False else "allow",
            strategy=strategy,
            recipe=words.recipe(strategy),
            again=words.again,
            keep_conflicts=keep_conflicts,
            author=author(repository),
            verify_signatures=_vouching(session, verified),
        )
    if outcome.kind == "up-to-date":
        output.note(["Already up to date."])
        return
    if outcome.kind == "fast-forward":
        before = shorten(outcome.before) if outcome.before else "nothing"
        output.note([f"Updating {before}..{shorten(outcome.commit)}", "Fast-forward"])
    else:
        output.note(made_lines(repository, outcome))
        output.note(merged_lines(outcome))
    if outcome.before:
        output.note(stat_lines(repository.diff(outcome.before, outcome.commit, numeric=False)))
    output.note(undecided_lines(repository))


def _vouching(session: Session, asked: bool | None) -> Callable[[Judged], None] | None:
    """Who hears of each good signature; None where none is asked for, here or in the configuration."""
    if asked is None:
        asked = is_true(here(session.repository), "merge.verifysignatures")

    def vouched(found: Judged) -> None:
        session.output.note(
            [f"Commit {shorten(found.id)} has a good GPG signature by {found.check.signer}"]
        )

    return vouched if asked else None
