"""``mvc checkout``: Git's older verb for switching, restoring and settling conflicts."""

from __future__ import annotations

import os

import click

from mvc.cli import completing
from mvc.cli.app import Session
from mvc.cli.options import quiet
from mvc.cli.revisions import Separated, is_revision
from mvc.cli.switched import switched, way
from mvc.cli.undecided import undecided_lines
from mvc.errors import UsageError
from mvc.repository import Repository


@click.command("checkout", cls=Separated)
@click.argument(
    "arguments",
    nargs=-1,
    metavar="[REVISION] [--] [PATH]...",
    type=click.UNPROCESSED,
    shell_complete=completing.revisions_or_tracked,
)
@click.option("-b", "create", metavar="NAME", help="Create a branch and switch to it.")
@click.option("-B", "force_create", metavar="NAME", help="Create it, or move it here.")
@click.option("--detach", is_flag=True, help="To the commit itself, on no branch.")
@click.option("-f", "--force", is_flag=True, help="Drop local changes.")
@click.option(
    "--ours", "side", flag_value="ours", help="Settle conflicts in PATHs with our tensors."
)
@click.option("--theirs", "side", flag_value="theirs", help="Settle them with theirs.")
@click.option(
    "-t", "--tensor", "tensors", multiple=True, metavar="GLOB", help="Only matching tensors."
)
@quiet
@click.pass_obj
def command(
    session: Session,
    arguments: tuple[str, ...],
    create: str | None,
    force_create: str | None,
    detach: bool,
    force: bool,
    side: str | None,
    tensors: tuple[str, ...],
) -> None:
    """Switch to REVISION; or put PATHs back as the stage or REVISION has them."""
    repository, output = session.repository, session.output
    name = create or force_create
    revision, paths = (None, []) if name else _split(repository, arguments)
    if side is not None:
        settled = repository.resolve_conflicts(paths or _only(revision), side)
        output.note([f"Updated {len(settled)} path(s) with {side}"])
    elif paths:
        restored = repository.restore(
            paths, source=revision, staged=revision is not None, tensors=tensors
        )
        origin = revision or "the stage"
        output.note([f"Updated {len(restored)} path(s) from {origin}"])
        output.note(undecided_lines(repository, restored))
    else:
        target = name or revision
        if target is None:
            return
        words = way(repository, name)
        repository.switch(
            target,
            create="force" if force_create else "new" if create else "no",
            detach=detach or (name is None and target not in (*repository.branches, "-")),
            discard=force,
            start=arguments[0] if name and arguments else None,
        )
        output.note([switched(repository, words), *undecided_lines(repository)])


def _split(repository: Repository, arguments: tuple[str, ...]) -> tuple[str | None, list[str]]:
    """A revision or none, then paths; ``--`` settles which is which."""
    if "--" in arguments:
        at = arguments.index("--")
        if at > 1:
            raise UsageError("only one revision can be checked out")
        return (arguments[0] if at else None), list(arguments[at + 1 :])
    if not arguments:
        return None, []
    first, *rest = arguments
    if first == "-" or is_revision(repository, first):
        return first, rest
    if os.path.lexists(os.path.join(repository.cwd, first)) or rest:
        return None, list(arguments)
    tracked = repository.staged()
    if any(path == first or path.startswith(first + "/") for path in tracked):
        return None, [first]
    raise UsageError(
        f"pathspec '{first}' did not match any file(s) known to mvc",
        hint="mvc branch lists branches, mvc ls lists files",
    )


def _only(revision: str | None) -> list[str]:
    return [revision] if revision else ["."]
