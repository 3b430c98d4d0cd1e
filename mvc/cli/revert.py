"""``mvc revert``."""

from __future__ import annotations

import click

from mvc.cli import completing
from mvc.cli.app import Session
from mvc.cli.committed import committed
from mvc.cli.editor import edited_text
from mvc.cli.identity import author
from mvc.errors import UsageError
from mvc.ids import CommitId


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
@click.option("--skip", is_flag=True, help="Leave this commit as it is; go on with the next.")
@click.option("--abort", is_flag=True, help="Give it up; everything as before.")
@click.pass_obj
def command(
    session: Session,
    revisions: tuple[str, ...],
    mainline: int | None,
    edit: bool | None,
    strategy: str | None,
    conclude: bool,
    skip: bool,
    abort: bool,
) -> None:
    """Take back what commits changed, each by a new commit; what came after them stays.

    At a conflict the rest waits: settle it and --continue, or --skip it, or --abort and go back to before the
    first one.
    """
    repository, output = session.repository, session.output
    if conclude + skip + abort + bool(revisions) > 1:
        raise UsageError("--continue, --skip and --abort go alone", hint="mvc status")

    def made(id_: CommitId) -> None:
        if edit:
            id_ = repository.commit(edited_text(repository.read_commit().message), amend=True).id
        output.note(committed(repository, repository.read_commit(id_)))

    if abort:
        _abort(session)
    elif conclude:
        repository.continue_revert(author=author(repository), made=made)
    elif skip:
        repository.skip_revert(author=author(repository), made=made)
    elif not revisions:
        raise UsageError("nothing to revert", hint="mvc revert REVISION")
    else:
        repository.revert_each(
            revisions, mainline=mainline, strategy=strategy, author=author(repository), made=made
        )


def _abort(session: Session) -> None:
    repository = session.repository
    waiting = repository.unfinished()
    repository.abort("revert")
    if (
        waiting is not None
        and waiting.sequel is not None
        and repository.head != waiting.sequel.start
    ):
        session.output.note(
            ["warning: You seem to have moved HEAD. Not rewinding, check your HEAD!"]
        )
