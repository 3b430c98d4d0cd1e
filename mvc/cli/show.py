"""``mvc show``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import click

from mvc.cli import completing, documents
from mvc.cli.app import Session
from mvc.cli.commits import date, decorations, long_form, tombstones
from mvc.cli.difference import ROWS, difference_lines, stat_lines
from mvc.cli.output import quoted
from mvc.errors import UsageError
from mvc.paths import inside
from mvc.repository import Repository


@click.command("show")
@click.argument("revision", default="HEAD", shell_complete=completing.revisions)
@click.option("--stat", is_flag=True, help="A line a file instead of the numbers.")
@click.option(
    "--record", is_flag=True, help="The commit's record: operation, parameters, versions."
)
@click.option("--all-tensors", is_flag=True, help=f"Every tensor, not the first {ROWS} of a model.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def command(
    session: Session, revision: str, stat: bool, record: bool, all_tensors: bool, as_json: bool
) -> None:
    """Show a commit (HEAD), or a tag, and what it changed, tensor by tensor.

    REVISION:PATH shows a file, :PATH the staged one.
    """
    repository, output = session.repository, session.output
    if ":" in revision:
        if as_json:
            raise UsageError("a file's bytes are no JSON", hint=f"mvc cat --json {revision}")
        at, _, path = revision.partition(":")
        if path.startswith(("./", "../")):
            path = inside(repository.root, path, repository.cwd)
        for chunk in repository.read_file(path, at):
            sys.stdout.buffer.write(chunk)
    elif record:
        found = repository.record(revision)
        output.page([found.encode().decode().rstrip()] if found else [])
    elif as_json:
        output.document("show", _document(repository, revision, stat))
    else:
        output.page(_lines(repository, revision, stat, None if all_tensors else ROWS))


def _lines(repository: Repository, revision: str, stat: bool, rows: int | None) -> Iterator[str]:
    commit = repository.read_commit(revision)
    tag = repository.tags.message(revision)
    if tag is not None:
        tagger, message = tag
        yield click.style(f"tag {revision}", fg="yellow")
        if tagger is not None:
            yield f"Tagger: {quoted(tagger.name)} <{quoted(tagger.email)}>"
            yield f"Date:   {date(tagger)}"
        yield from ["", *map(quoted, message.rstrip().split("\n")), ""]
    yield from long_form(commit, decorations(repository))
    yield ""
    difference = repository.changes_of(commit, numeric=not stat and (rows or True))
    yield from stat_lines(difference) if stat else difference_lines(difference, rows=rows)


def _document(repository: Repository, revision: str, stat: bool) -> dict[str, Any]:
    from mvc.diff.schema import as_json

    commit = repository.read_commit(revision)
    tag = repository.tags.message(revision)
    return {
        "tag": documents.tag(revision, *tag) if tag else None,
        "commit": documents.commit(commit, tombstones(repository).get(commit.id)),
        **as_json(repository.changes_of(commit, numeric=not stat)),
    }
