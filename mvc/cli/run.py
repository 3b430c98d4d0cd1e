"""``mvc run``."""

from __future__ import annotations

import shlex

import click

from mvc.cli import completing
from mvc.cli.app import Session
from mvc.cli.commanding import run_command
from mvc.cli.output import quoted
from mvc.errors import DirtyWorktree, MvcError
from mvc.history.revisions import shorten
from mvc.repository import Repository


@click.command("run", context_settings={"allow_interspersed_args": False})
@click.option(
    "--at",
    metavar="COMMIT",
    help="What it measures, HEAD unless told otherwise.",
    shell_complete=completing.revisions,
)
@click.option(
    "--metrics-file",
    "file",
    metavar="FILE",
    help="Where the command writes its JSON; its output is not looked at.",
    shell_complete=completing.files,
)
@click.option(
    "-m", "--metric", "names", multiple=True, metavar="NAME", help="Keep only this one (repeat)."
)
@click.argument("cmd", nargs=-1, required=True, metavar="[--] CMD...", type=click.UNPROCESSED)
@click.pass_obj
def command(
    session: Session, cmd: tuple[str, ...], at: str | None, file: str | None, names: tuple[str, ...]
) -> int:
    """Run a command, and keep what it measured: the numbers of the last JSON object that it prints.

    They are noted with the weights of HEAD, or of --at (mvc metric). The output of the command is passed
    through, and its exit code is mvc's.
    """
    repository = session.repository
    commit = repository.read_commit(at or "HEAD")
    if at is None:
        _refuse_changes(repository)
    printed: list[str] = []
    code = run_command(cmd, None if file else printed)
    if code:
        click.echo(f"nothing is noted: exit code {code}", err=True)
        raise click.exceptions.Exit(code if code > 0 else 128 - code)
    values = _measured(file, "".join(printed), names)
    repository.metrics.add(values, commit, how=shlex.join(cmd))
    if not session.output.quiet:
        said = " ".join(f"{quoted(name)}={value:g}" for name, value in values.items())
        click.echo(f"noted of {shorten(commit.id)} {quoted(commit.subject)}: {said}", err=True)
    return 0


def _measured(file: str | None, printed: str, names: tuple[str, ...]) -> dict[str, float]:
    from mvc.history.reported import numbers

    where = "the command's output"
    if file is not None:
        where = file
        try:
            with open(file, encoding="utf-8", errors="replace") as stream:
                printed = stream.read()
        except OSError as error:
            raise MvcError(f"cannot read {file}: {error.strerror}") from error
    found = numbers(printed)
    missing = [name for name in names if name not in found]
    if missing or not found:
        what = f"no metric '{missing[0]}'" if missing and found else "no JSON object with numbers"
        raise MvcError(
            f"{where} has {what}",
            hint='it shall hold a line like {"perplexity": 12.3}; nothing is noted',
        )
    return {name: found[name] for name in names or found}


def _refuse_changes(repository: Repository) -> None:
    """What is measured must be what HEAD has."""
    status = repository.status()
    changed = [delta.path for delta in (*status.staged, *status.unstaged)]
    if changed:
        raise DirtyWorktree(
            f"{', '.join(changed[:3])} {'is' if len(changed) == 1 else 'are'} not as in HEAD",
            hint="mvc commit first, or say what is measured: mvc run --at HEAD -- CMD",
        )
