"""The command: global options, and the table of verbs.

The table is static, so that ``--help`` and a mistyped verb import no verb at all; entry points are asked only
for a verb that is not in it.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click

from mvc.cli.examples import epilog
from mvc.cli.failures import reported
from mvc.cli.output import Output
from mvc.errors import MvcError
from mvc.version import VERSION

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from mvc.history.signature import Signature
    from mvc.history.signing import Signer, Verifier

#: verb → (what it does, the group it is listed in)
VERBS: dict[str, tuple[str, str]] = {
    "init": ("Create an empty repository, or reopen an existing one", "start"),
    "add": ("Put files on the stage", "work"),
    "mv": ("Rename a file or a folder", "work"),
    "restore": ("Restore files, or single tensors, in the work tree or on the stage", "work"),
    "rm": ("Remove files from the work tree and from the stage", "work"),
    "stash": ("Put unfinished work aside, and bring it back", "work"),
    "clean": ("Remove files that nobody tracks", "work"),
    "status": ("Show what differs between the last commit, the stage and the work tree", "look"),
    "log": ("Show commits", "look"),
    "show": ("Show a commit and what it changed", "look"),
    "diff": ("Show which tensors changed, and by how much", "look"),
    "bisect": ("Find the commit that broke something", "look"),
    "metric": ("Note what was measured of weights, and look it up", "look"),
    "run": ("Run a command, and keep what it measured", "look"),
    "plot": ("Show how a metric went over history", "look"),
    "cat": ("Show what is in a model: the numbers or the values of its tensors", "look"),
    "grep": ("Find tensors by name", "look"),
    "blame": ("Show which commit last changed each tensor", "look"),
    "lineage": ("Show how a tensor came to be", "look"),
    "describe": ("Name a commit by the tags near it", "look"),
    "shortlog": ("Show commits by author", "look"),
    "verify": ("Say whether a file is what a commit holds, and who signed that", "look"),
    "verify-commit": ("Check the signature of commits", "look"),
    "verify-tag": ("Check the signature of tags", "look"),
    "archive": ("Put the files of a commit into a tar or zip", "look"),
    "export": ("Write the files of a commit into another folder", "look"),
    "conflicts": ("List the tensors that are undecided, with what each side has", "look"),
    "ls": ("List the files, or the tensors, of a commit", "look"),
    "du": ("Show where the space is, and what was saved", "look"),
    "commit": ("Record the stage as a commit", "grow"),
    "branch": ("List, create, rename or delete branches", "grow"),
    "switch": ("Switch branches", "grow"),
    "checkout": ("Switch branches or restore files", "grow"),
    "tag": ("List, create or delete tags", "grow"),
    "merge": ("Join two histories, tensor by tensor", "grow"),
    "resolve": ("Settle tensors that a merge left undecided", "grow"),
    "rerun": ("Run a recorded merge again, and compare what comes out", "grow"),
    "revert": ("Take back what a commit changed", "grow"),
    "cherry-pick": ("Bring over what a commit changed", "grow"),
    "rebase": ("Make the commits of a branch again on top of another place", "grow"),
    "reset": ("Move the current branch to a commit", "grow"),
    "compress": ("Prune, quantize, factor or heal a model, a commit a step", "grow"),
    "reflog": ("Show where a branch has been", "care"),
    "op": ("Look at the operation log, and go back to any point of it", "care"),
    "undo": ("Take back the last operation, whatever it was", "care"),
    "fsck": ("Check that everything is there and is what it says it is", "care"),
    "repair": ("Put right what is damaged, and say what is lost", "care"),
    "gc": ("Remove what nothing reaches any more, and pack what stays", "care"),
    "expire": ("Let the weights of commits go, and keep their history", "care"),
    "repack": ("Plan anew which version is stored as the difference to which", "care"),
    "config": ("Get and set the repository's options", "care"),
    "hooks": ("Keep hashes of the weights in a code repository", "care"),
    "completion": ("Print the script that lets a shell complete mvc's words", "care"),
    "help": ("Show what a verb does, with examples", "care"),
    "version": ("Show the version, and what this installation has", "care"),
}
#: Verbs of packages beside mvc, which come through entry points as anybody's may.
BESIDE = frozenset({"compress", "hooks"})
GROUPS = {
    "start": "start a repository",
    "work": "work on the current change",
    "look": "look at history and state",
    "grow": "grow and mark the history",
    "care": "take care of it",
}


def _current_folder() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError as error:
        raise MvcError("the current folder does not exist any more", hint="cd to one") from error


class Session:
    """What a verb gets: the output sink, and the repository, opened when first asked for."""

    def __init__(self, output: Output) -> None:
        self.output = output
        self.cwd = _current_folder()

    @cached_property
    def repository(self) -> Any:
        """The repository that holds the current folder, signing as the user.

        Raises:
            NotARepository: there is none.
        """
        import mvc

        def who() -> Signature | None:
            from mvc.cli.identity import committer

            return committer(repository)

        def signer() -> Signer | None:
            from mvc.cli.signing import commit_signer

            return commit_signer(repository)

        def verifier() -> Verifier:
            from mvc.cli.signing import verifier_of

            return verifier_of(repository)

        repository = mvc.open(self.cwd, cwd=self.cwd)
        repository.who, repository.signer, repository.verifier = who, signer, verifier
        repository.progress = self.output.progress
        return repository

    def configured_pager(self) -> str | None:
        """The user's own ``core.pager``, where it can be read."""
        from mvc.cli.settings import own

        with suppress(MvcError):
            return own().get("core.pager")
        return None

    @cached_property
    def upkeep(self) -> Any:
        """The upkeep of the repository that holds the current folder, however damaged it is.

        Raises:
            NotARepository: there is not even the ruin of one.
        """
        from mvc.cli.identity import committer
        from mvc.opening import open_damaged

        upkeep = open_damaged(self.cwd, progress=self.output.progress)
        with suppress(MvcError):  # the configuration that would say who may be what is damaged
            upkeep.repository.who = committer(upkeep.repository)
        return upkeep


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in VERBS.keys() - BESIDE:
            module = importlib.import_module(f"mvc.cli.{cmd_name.replace('-', '_')}")
            command: click.Command = module.command
            command.epilog = epilog(cmd_name)
            return command
        from importlib.metadata import entry_points

        for entry in entry_points(group="mvc.verbs", name=cmd_name):
            loaded: click.Command = entry.load()
            return loaded
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if ctx.resilient_parsing:  # a shell asks for completions; it wants no words of ours
            return super().resolve_command(ctx, args)
        if not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            import difflib

            close = difflib.get_close_matches(args[0], VERBS, n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(close)}?" if close else "see 'mvc --help'"
            raise MvcError(f"'{args[0]}' is not an mvc command", hint=hint)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """From the table: click would import every verb for its short help."""
        from click.shell_completion import CompletionItem

        found = [
            CompletionItem(verb, help=text)
            for verb, (text, _) in VERBS.items()
            if verb.startswith(incomplete)
        ]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for group, title in GROUPS.items():
            with formatter.section(title):
                rows = [(verb, text) for verb, (text, in_) in VERBS.items() if in_ == group]
                formatter.write_dl(rows, col_spacing=4)


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="mvc", message="%(prog)s version %(version)s")
@click.option("-C", "folder", metavar="DIR", help="Run as if started in DIR.")
@click.option("--color/--no-color", default=None, help="Colour the output, or don't.")
@click.option(
    "--no-pager", is_flag=True, help="Long answers without less, or what core.pager says."
)
@click.option("-q", "--quiet", is_flag=True, help="Say nothing that is not asked for.")
@click.pass_context
def program(
    context: click.Context, folder: str | None, color: bool | None, no_pager: bool, quiet: bool
) -> None:
    """Git for model weights: version, compare, merge and restore checkpoints."""
    if folder is not None:
        try:
            os.chdir(folder)
        except OSError as error:
            raise MvcError(f"cannot change to '{folder}': {error.strerror}") from error
    if color is None and ("NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"):
        color = False
    context.color = color

    def pager() -> str | None:
        from mvc.cli.pager import chosen

        return None if no_pager else chosen(session.configured_pager)

    output = Output(color=color, quiet=quiet, pager=pager)
    session = context.obj = Session(output)
    context.call_on_close(output.close)


def main(arguments: Sequence[str]) -> int:
    """Run one command; gives the exit code. No exception leaves it, whatever happened."""
    try:
        result = program.main(list(arguments), prog_name="mvc", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except (Exception, KeyboardInterrupt) as error:
        plain = "NO_COLOR" in os.environ or "--no-color" in arguments
        return reported(error, color=False if plain else None)
