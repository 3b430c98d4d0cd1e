"""``mvc stash``."""

from __future__ import annotations

from collections.abc import Iterator

import click

from mvc.cli import documents
from mvc.cli.app import Session
from mvc.cli.difference import ROWS, difference_lines, stat_lines
from mvc.cli.options import quiet
from mvc.cli.output import quoted
from mvc.cli.rendering import seen_from, status_lines
from mvc.errors import UsageError
from mvc.paths import inside
from mvc.repository import Repository

_HELP = ("-h", "--help")


class _Verbs(click.Group):
    """``push`` goes without saying, as in Git."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put ``push`` where no verb is."""
        if not args or (args[0].startswith("-") and args[0] not in _HELP):
            args = ["push", *args]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if self.get_command(ctx, args[0]) is None:
            raise UsageError(
                "subcommand wasn't specified; 'push' can't be assumed due to unexpected token "
                f"'{args[0]}'",
                hint=f"mvc stash push -- {args[0]} puts that path aside; mvc stash --help",
            )
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group("stash", cls=_Verbs)
def command() -> None:
    """Put unfinished work aside, and bring it back.

    A stash is stash@{0}, the newest, stash@{1} …, or just the number. `mvc stash` alone is `mvc stash push`;
    `mvc undo` takes any of these back.
    """


@command.command("push")
@click.argument("paths", nargs=-1, metavar="[--] [PATH]...")
@click.option("-m", "--message", help="What it is, for the list.")
@click.option(
    "-u", "--include-untracked", "untracked", flag_value="yes", help="Untracked files, too."
)
@click.option("-a", "--all", "untracked", flag_value="all", help="Ignored files as well.")
@click.option(
    "-k", "--keep-index", is_flag=True, help="Leave what is staged in the work tree and staged."
)
@quiet
@click.pass_obj
def push(
    session: Session,
    paths: tuple[str, ...],
    message: str | None,
    untracked: str | None,
    keep_index: bool,
) -> None:
    """Put what differs from HEAD aside, or only PATHs; files are then as HEAD has them."""
    stashed = session.repository.stash.push(
        message, paths=paths, untracked=untracked or "no", keep_index=keep_index
    )
    if stashed is None:
        session.output.note(["No local changes to save"])
        return
    session.output.note([f"Saved working directory and index state {quoted(stashed.message)}"])


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def list_(session: Session, as_json: bool) -> None:
    """List the stashes, newest first."""
    found = list(session.repository.stash)
    if as_json:
        session.output.document("stash", {"stashes": [documents.stashed(one) for one in found]})
        return
    session.output.show(
        f"stash@{{{number}}}: {quoted(one.message)}" for number, one in enumerate(found)
    )


@command.command("show")
@click.argument("stash", required=False)
@click.option("-p", "--patch", is_flag=True, help="The numbers of each tensor, the lines of texts.")
@click.option("--stat", is_flag=True, help="A line a file (the default).")
@click.option("-u", "--include-untracked", "untracked", is_flag=True, help="Untracked files, too.")
@click.option("--all-tensors", is_flag=True, help=f"Every tensor, not the first {ROWS} of a model.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def show(
    session: Session,
    stash: str | None,
    patch: bool,
    stat: bool,
    untracked: bool,
    all_tensors: bool,
    as_json: bool,
) -> None:
    """Show what a stash changes against the commit that it was made on."""
    difference = session.repository.stash.show(stash, numeric=patch, untracked=untracked)
    if as_json:
        from mvc.diff.schema import as_json as plain

        session.output.document("stash-show", plain(difference))
    elif patch:
        rows = None if all_tensors else ROWS
        session.output.show(difference_lines(difference, rows=rows))
    else:
        session.output.show(stat_lines(difference))


@command.command("pop")
@click.argument("stash", required=False)
@click.option("--index", is_flag=True, help="What was staged is staged again.")
@quiet
@click.pass_obj
def pop(session: Session, stash: str | None, index: bool) -> None:
    """Bring a stash back, and take it off the list; a conflict leaves it there."""
    dropped = session.repository.stash.pop(stash, index=index)
    session.output.note(_status(session.repository))
    session.output.note([f"Dropped {dropped.text} ({dropped.commit})"])


@command.command("apply")
@click.argument("stash", required=False)
@click.option("--index", is_flag=True, help="What was staged is staged again.")
@quiet
@click.pass_obj
def apply(session: Session, stash: str | None, index: bool) -> None:
    """Bring a stash back; it stays on the list."""
    session.repository.stash.apply(stash, index=index)
    session.output.note(_status(session.repository))


@command.command("branch")
@click.argument("name")
@click.argument("stash", required=False)
@click.pass_obj
def branch(session: Session, name: str, stash: str | None) -> None:
    """Make a branch where a stash was made, and bring it back there."""
    dropped = session.repository.stash.branch(name, stash)
    session.output.note([f"Switched to a new branch '{name}'", *_status(session.repository)])
    if dropped.number is not None:
        session.output.note([f"Dropped {dropped.text} ({dropped.commit})"])


@command.command("drop")
@click.argument("stash", required=False)
@click.pass_obj
def drop(session: Session, stash: str | None) -> None:
    """Take a stash off the list."""
    dropped = session.repository.stash.drop(stash)
    session.output.note([f"Dropped {dropped.text} ({dropped.commit})"])


@command.command("clear")
@click.pass_obj
def clear(session: Session) -> None:
    """Take all stashes off the list."""
    session.repository.stash.clear()


def _status(repository: Repository) -> Iterator[str]:
    here = inside(repository.root, repository.cwd, repository.cwd)
    return status_lines(seen_from(repository.status(), here))
