"""``mvc revert``."""

from __future__ import annotations

import click

from mvc.cli import completing
from mvc.cli.app import Session
from mvc.cli.committed import committed
from mvc.cli.editor import edited_text
from mvc.cli.identity import author
from mvc.errors import MergeConflict, UsageError
from mvc.history.revisions import shorten
from mvc.repository import Repository


@click.command("revert")
@click.argument(
    "revisions", nargs=-1, metavar="REVISION|A..B...", shell_complete=completing.revisions
)
@click.option(
    "-m", "--mainline", type=int, metavar="N", help="Of a merge: keep its parent N's side."
)
@click.option(
    "-e/ ", "--edit/--no-edit", default=None, help="Edit the message, or take it as it is."
)
@click.option(
    "-X", "--strategy", metavar="NAME", help="For tensors that later commits changed too."
)
@click.option(
    "--continue", "conclude", is_flag=True, help="Conclude it: all conflicts are settled."
)
@click.option("--abort", is_flag=True, help="Give it up; everything as before.")
@click.pass_obj
def command(
    session: Session,
    revisions: tuple[str, ...],
    mainline: int | None,
    edit: bool | None,
    strategy: str | None,
    conclude: bool,
    abort: bool,
) -> None:
    """Take back what commits changed, each by a new commit; what came after them stays."""
    repository, output = session.repository, session.output
    if abort:
        repository.abort("revert")
        return
    if conclude:
        waiting = repository.unfinished()
        if waiting is None or waiting.kind != "revert":
            raise UsageError("there is no revert in progress", hint="mvc revert REVISION")
        output.note(committed(repository, repository.commit(author=author(repository))))
        return
    if not revisions:
        raise UsageError("nothing to revert", hint="mvc revert REVISION")
    # HEAD moves with every revert, so all that is asked for is looked up before the first.
    commits = [id_ for revision in revisions for id_ in _commits(repository, revision)]
    for number, commit in enumerate(commits, start=1):
        try:
            repository.revert(
                commit, mainline=mainline, strategy=strategy, author=author(repository)
            )
        except MergeConflict as conflict:
            left = " ".join(map(shorten, commits[number:]))
            also = f"; afterwards mvc revert {left}" if left else ""
            raise MergeConflict(conflict.message, hint=f"{conflict.hint}{also}") from conflict
        if edit:
            text = edited_text(repository.read_commit().message)
            repository.commit(text, amend=True)
        output.note(committed(repository, repository.read_commit()))


def _commits(repository: Repository, revision: str) -> list[str]:
    """The commits that a word names, newest first: one, or those of a range."""
    if ".." in revision:
        return [commit.id for commit in repository.log(revision)]
    return [repository.resolve(revision)]
