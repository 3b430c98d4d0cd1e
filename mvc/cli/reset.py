"""``mvc reset``."""

from __future__ import annotations

import click

from mvc.cli import completing
from mvc.cli.app import Session
from mvc.cli.options import quiet
from mvc.cli.revisions import Separated, split_revisions
from mvc.errors import UsageError
from mvc.history.revisions import shorten


@click.command("reset", cls=Separated)
@click.argument(
    "arguments",
    nargs=-1,
    metavar="[COMMIT] [--] [PATH]...",
    type=click.UNPROCESSED,
    shell_complete=completing.revisions_or_tracked,
)
@click.option("--soft", "mode", flag_value="soft", help="Move the branch only.")
@click.option("--mixed", "mode", flag_value="mixed", help="Also the stage (the default).")
@click.option(
    "--hard", "mode", flag_value="hard", help="Also the work tree: changes in no commit are lost."
)
@quiet
@click.pass_obj
def command(session: Session, arguments: tuple[str, ...], mode: str | None) -> None:
    """Move the current branch to COMMIT; or, with PATHs, unstage them."""
    repository, output = session.repository, session.output
    revisions, paths = split_revisions(repository, arguments)
    if len(revisions) > 1:
        raise UsageError("reset takes one commit")
    target = revisions[0] if revisions else "HEAD"
    if paths:
        if mode not in (None, "mixed"):
            raise UsageError(f"cannot do {mode} reset with paths")
        source = revisions[0] if revisions else None  # none: HEAD, if there is one
        repository.unstage(paths, source)
        return
    id_ = repository.reset(target, mode=mode or "mixed")
    if mode == "hard" and id_ is not None:
        commit = repository.read_commit(id_)
        output.note([f"HEAD is now at {shorten(commit.id)} {commit.subject}"])
        return
    unstaged = repository.status().unstaged if mode in (None, "mixed") else ()
    if unstaged:
        output.note(["Unstaged changes after reset:", *(f"M\t{delta.path}" for delta in unstaged)])
