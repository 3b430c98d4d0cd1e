"""``mvc branch``."""

from __future__ import annotations

import click

from mvc.cli import completing
from mvc.cli.app import Session
from mvc.cli.options import quiet
from mvc.cli.output import columns, quoted
from mvc.errors import UsageError
from mvc.history.revisions import shorten
from mvc.repository import Repository


@click.command("branch")
@click.argument("names", nargs=-1, metavar="[NAME [START]]", shell_complete=completing.branches)
@click.option("-d", "--delete", is_flag=True, help="Delete branches that are merged.")
@click.option("-D", "force_delete", is_flag=True, help="Delete branches, merged or not.")
@click.option("-m", "--move", is_flag=True, help="Rename: [OLD] NEW.")
@click.option("-M", "force_move", is_flag=True, help="Rename, also onto one that exists.")
@click.option("-f", "--force", is_flag=True, help="Move a branch, or rename onto one, that exists.")
@click.option("-v", "--verbose", is_flag=True, help="With each branch's last commit.")
@click.option("--show-current", is_flag=True, help="Only the current branch's name.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@quiet
@click.pass_obj
def command(
    session: Session,
    names: tuple[str, ...],
    delete: bool,
    force_delete: bool,
    move: bool,
    force_move: bool,
    force: bool,
    verbose: bool,
    show_current: bool,
    as_json: bool,
) -> None:
    """List branches; or create, rename or delete one."""
    repository, output = session.repository, session.output
    if show_current:
        output.show([repository.branch] if repository.branch else [])
    elif delete or force_delete:
        for name in names:
            commit = repository.branches.delete(name, force=force_delete or force)
            output.note([f"Deleted branch {name} (was {shorten(commit)})."])
    elif move or force_move:
        if not 1 <= len(names) <= 2:
            raise UsageError("-m takes one or two branch names", hint="mvc branch -m OLD NEW")
        old = names[0] if len(names) > 1 else repository.branch
        if old is None:
            raise UsageError("cannot rename the current branch while not on any")
        repository.branches.rename(old, names[-1], force=force or force_move)
    elif names:
        if len(names) > 2:
            raise UsageError("too many arguments", hint="mvc branch NAME START")
        repository.branches.create(*names, force=force)
    elif as_json:
        found = [
            {"name": name, "commit": id_, "current": name == repository.branch}
            for name, id_ in repository.branches.items()
        ]
        output.document("branch", {"branches": found})
    else:
        output.show(_listing(repository, verbose))


def _listing(repository: Repository, verbose: bool) -> list[str]:
    rows = []
    if repository.branch is None and repository.head is not None:
        here = click.style(f"(HEAD detached at {shorten(repository.head)})", fg="green")
        rows.append(["* " + here, repository.head])
    for name, id_ in repository.branches.items():
        current = name == repository.branch
        label = click.style(name, fg="green") if current else name
        rows.append([("* " if current else "  ") + label, id_])
    if not verbose:
        return [row[0] for row in rows]
    return columns(
        [[label, shorten(id_), quoted(repository.read_commit(id_).subject)] for label, id_ in rows],
        "<<<",
    )
