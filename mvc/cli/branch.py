"""``mvc branch``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

from mvc.cli import completing
from mvc.cli.app import Session
from mvc.cli.options import quiet
from mvc.cli.output import columns, quoted
from mvc.cli.ref_filter import Filter, limits_refs
from mvc.errors import UsageError
from mvc.history.revisions import shorten
from mvc.ids import CommitId
from mvc.repository import Repository


@click.command("branch")
@click.argument("names", nargs=-1, metavar="[NAME [START]]", shell_complete=completing.branches)
@click.option("-d", "--delete", is_flag=True, help="Delete branches that are merged.")
@click.option("-D", "force_delete", is_flag=True, help="Delete branches, merged or not.")
@click.option("-m", "--move", is_flag=True, help="Rename: [OLD] NEW.")
@click.option("-M", "force_move", is_flag=True, help="Rename, also onto one that exists.")
@click.option("-c", "--copy", is_flag=True, help="Copy: [OLD] NEW.")
@click.option("-C", "force_copy", is_flag=True, help="Copy, also onto one that exists.")
@click.option("-l", "--list", "listing", is_flag=True, help="List those matching a glob.")
@limits_refs
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
    copy: bool,
    force_copy: bool,
    listing: bool,
    which: Filter,
    force: bool,
    verbose: bool,
    show_current: bool,
    as_json: bool,
) -> None:
    """List branches; or create, rename, copy or delete one."""
    repository, output = session.repository, session.output
    if show_current:
        output.show([repository.branch] if repository.branch else [])
    elif delete or force_delete:
        for name in names:
            commit = repository.branches.delete(name, force=force_delete or force)
            output.note([f"Deleted branch {name} (was {shorten(commit)})."])
    elif move or force_move:
        old = _two(repository, names, "-m", "rename")
        repository.branches.rename(old, names[-1], force=force or force_move)
    elif copy or force_copy:
        old = _two(repository, names, "-c", "copy")
        repository.branches.copy(old, names[-1], force=force or force_copy)
    elif names and not (listing or which.asked):
        if len(names) > 2:
            raise UsageError("too many arguments", hint="mvc branch NAME START")
        repository.branches.create(*names, force=force)
    elif as_json:
        found = [
            {"name": name, "commit": id_, "current": name == repository.branch}
            for name, id_ in _chosen(repository, which, names).items()
        ]
        output.document("branch", {"branches": found})
    else:
        detached = not (names or which.asked)
        output.show(_listing(repository, _chosen(repository, which, names), verbose, detached))


def _two(repository: Repository, names: Sequence[str], option: str, verb: str) -> str:
    """The first of two names, or the current branch's.

    Raises:
        UsageError: there are more or fewer, or HEAD is on no branch.
    """
    if not 1 <= len(names) <= 2:
        raise UsageError(
            f"{option} takes one or two branch names", hint=f"mvc branch {option} OLD NEW"
        )
    old = names[0] if len(names) > 1 else repository.branch
    if old is None:
        raise UsageError(f"cannot {verb} the current branch while not on any")
    return old


def _chosen(repository: Repository, which: Filter, patterns: Sequence[str]) -> dict[str, CommitId]:
    found = dict(repository.branches)
    return {name: found[name] for name in which.chosen(repository, found, patterns)}


def _listing(
    repository: Repository, branches: Mapping[str, CommitId], verbose: bool, detached: bool
) -> list[str]:
    rows = []
    if detached and repository.branch is None and repository.head is not None:
        here = click.style(f"(HEAD detached at {shorten(repository.head)})", fg="green")
        rows.append(["* " + here, repository.head])
    for name, id_ in branches.items():
        current = name == repository.branch
        label = click.style(name, fg="green") if current else name
        rows.append([("* " if current else "  ") + label, id_])
    if not verbose:
        return [row[0] for row in rows]
    return columns(
        [[label, shorten(id_), quoted(repository.read_commit(id_).subject)] for label, id_ in rows],
        "<<<",
    )
