"""``mvc metric``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from mvc.cli import completing, documents
from mvc.cli.app import Session
from mvc.cli.commits import date
from mvc.cli.measured import said
from mvc.cli.options import quiet
from mvc.cli.output import columns, counted, quoted
from mvc.errors import UsageError
from mvc.history.revisions import shorten
from mvc.history.signature import Signature

if TYPE_CHECKING:
    from mvc.history.metrics import Measured
    from mvc.repository import Repository


@click.group("metric")
def command() -> None:
    """Note what was measured of weights, and look it up.

    A metric belongs to the weights of a commit, by their Merkle root: it stays when the commit is amended,
    rebased or given another message, and every commit with the same weights has it.
    """


@command.command("add")
@click.argument(
    "words", nargs=-1, metavar="[COMMIT] NAME=VALUE...", shell_complete=completing.revisions
)
@quiet
@click.pass_obj
def add(session: Session, words: tuple[str, ...]) -> None:
    """Note values for the weights of COMMIT (HEAD), in place of what had these names."""
    from mvc.history.metrics import number

    commit, pairs = (
        ("HEAD", words) if "=" in "".join(words[:1]) else ("".join(words[:1]), words[1:])
    )
    if not pairs:
        raise UsageError("no metric given", hint="mvc metric add HEAD perplexity=12.3")
    values: dict[str, float] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise UsageError(f"'{pair}' is no NAME=VALUE", hint=f"mvc metric add {pair}=12.3")
        values[name] = number(text)
    noted = session.repository.metrics.add(values, commit)
    said = " ".join(f"{quoted(name)}={value:g}" for name, value in values.items())
    session.output.note([f"{shorten(noted.id)} {quoted(noted.subject)}: {said}"])


@command.command("show")
@click.argument("commit", default="HEAD", shell_complete=completing.revisions)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def show(session: Session, commit: str, as_json: bool) -> None:
    """Show what is known of the weights of COMMIT (HEAD): value, when it was noted, and from what."""
    found = session.repository.metrics.of(commit)
    if as_json:
        id_ = session.repository.resolve(commit)
        content = {"commit": id_, "metrics": documents.metrics(found)}
        session.output.document("metric-show", content)
        return
    session.output.page(columns([_row(name, one) for name, one in found.items()], "<><<"))


def _row(name: str, one: Measured) -> list[str]:
    when = date(Signature("", "", one.time))
    return [quoted(name), f"{one.value:g}", when, quoted(one.how)]


@command.command("list")
@click.argument(
    "revisions", nargs=-1, metavar="[REVISION|A..B]...", shell_complete=completing.revisions
)
@click.option("-n", "--max-count", "limit", type=int, metavar="N", help="At most N commits.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def list_(session: Session, revisions: tuple[str, ...], limit: int | None, as_json: bool) -> None:
    """List the commits of HEAD, REVISIONs or ranges that have metrics, newest first."""
    repository = session.repository
    walked = repository.metrics.of_each(repository.log(list(revisions)))
    found = ((commit, values) for commit, values in walked if values)
    if limit is not None:
        from itertools import islice

        found = islice(found, max(limit, 0))  # type: ignore[assignment]
    if as_json:
        commits = [
            {"commit": commit.id, "metrics": documents.metrics(values)} for commit, values in found
        ]
        session.output.document("metric-list", {"commits": commits})
        return
    session.output.page(
        f"{click.style(shorten(commit.id), fg='yellow')} {quoted(commit.subject)}  {said(values)}"
        for commit, values in found
    )


@command.command("remove")
@click.argument(
    "words", nargs=-1, metavar="[COMMIT] [NAME]...", shell_complete=completing.revisions
)
@click.option("-a", "--all", "everything", is_flag=True, help="All that was noted of the commit.")
@quiet
@click.pass_obj
def remove(session: Session, words: tuple[str, ...], everything: bool) -> None:
    """Forget what was noted of the weights of COMMIT (HEAD); mvc undo brings it back."""
    repository = session.repository
    commit, names = _split(repository, words)
    if everything == bool(names):
        raise UsageError(
            "which metrics? names, or --all" if not names else "--all takes no names",
            hint="mvc metric show lists them",
        )
    known = repository.metrics.of(commit)
    left = repository.metrics.remove(names, commit)
    gone = len(known) - len(repository.metrics.of(commit))
    session.output.note(
        [f"{shorten(left.id)} {quoted(left.subject)}: {counted(gone, 'metric')} gone"]
    )


def _split(repository: Repository, words: Sequence[str]) -> tuple[str, list[str]]:
    """The commit and the names; the first word is a name if HEAD has a metric that is called so."""
    if not words or words[0] in repository.metrics.of("HEAD"):
        return "HEAD", list(words)
    from mvc.cli.revisions import is_revision

    if len(words) > 1 or is_revision(repository, words[0]):
        return words[0], list(words[1:])
    return "HEAD", list(words)
