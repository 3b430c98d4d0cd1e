"""``mvc show``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import click

from mvc.cli import completing, documents
from mvc.cli.app import Session
from mvc.cli.commits import date, decorations, tombstones
from mvc.cli.difference import ROWS, difference_lines, stat_lines
from mvc.cli.judged import judged_document, judged_lines
from mvc.cli.output import quoted
from mvc.cli.pretty import Pretty, chosen
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
@click.option("--show-signature", is_flag=True, help="What the signature is worth.")
@click.option(
    "--format",
    "--pretty",
    "pretty",
    metavar="FORMAT",
    help="oneline, short, medium, full, fuller, reference, or like '%h %an: %s'.",
)
@click.option("-s", "--no-patch", is_flag=True, help="Without what it changed.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def command(
    session: Session,
    revision: str,
    stat: bool,
    record: bool,
    all_tensors: bool,
    show_signature: bool,
    pretty: str | None,
    no_patch: bool,
    as_json: bool,
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
        output.document("show", _document(repository, revision, stat, signed=show_signature))
    else:
        form = chosen(pretty, oneline=False)
        output.page(_head(repository, revision, form, signature=show_signature))
        if not no_patch:
            output.page(_changes(repository, revision, form, stat, None if all_tensors else ROWS))


def _head(repository: Repository, revision: str, form: Pretty, *, signature: bool) -> Iterator[str]:
    commit = repository.read_commit(revision)
    tag = repository.tags.message(revision)
    if tag is not None:
        tagger, message = tag
        yield click.style(f"tag {revision}", fg="yellow")
        if tagger is not None:
            yield f"Tagger: {quoted(tagger.name)} <{quoted(tagger.email)}>"
            yield f"Date:   {date(tagger)}"
        if signature:
            yield from judged_lines(repository.tags.verify(revision))
        yield from ["", *map(quoted, message.rstrip().split("\n")), ""]
    judge = partial(repository.verify_commit, commit)
    yield from form.lines(commit, decorations(repository), judge, signature=signature)


def _changes(
    repository: Repository, revision: str, form: Pretty, stat: bool, rows: int | None
) -> Iterator[str]:
    commit = repository.read_commit(revision)
    if not form.single:
        yield ""
    difference = repository.changes_of(commit, numeric=not stat and (rows or True))
    yield from stat_lines(difference) if stat else difference_lines(difference, rows=rows)


def _document(repository: Repository, revision: str, stat: bool, *, signed: bool) -> dict[str, Any]:
    from mvc.diff.schema import as_json

    commit = repository.read_commit(revision)
    tag = repository.tags.message(revision)
    judged: dict[str, Any] = {}
    if signed:
        found = [repository.verify_commit(commit)]
        found += [repository.tags.verify(revision)] if tag else []
        judged = {"signatures": [judged_document(one) for one in found if one.signed]}
    return {
        "tag": documents.tag(revision, *tag) if tag else None,
        "commit": documents.commit(commit, tombstones(repository).get(commit.id)),
        **judged,
        **as_json(repository.changes_of(commit, numeric=not stat)),
    }
