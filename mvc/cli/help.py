"""``mvc help``."""

from __future__ import annotations

import click

from mvc.cli.app import Session, program
from mvc.cli.completing import verbs
from mvc.errors import UsageError


@click.command("help")
@click.argument("words", nargs=-1, metavar="[VERB]", shell_complete=verbs)
@click.pass_context
def command(context: click.Context, words: tuple[str, ...]) -> None:
    """Show what VERB does, with its options and examples; all verbs without one."""
    session: Session = context.obj
    asked = click.Context(program, info_name="mvc", **program.context_settings)
    for word in words:
        group = asked.command
        if not isinstance(group, click.Group):
            raise UsageError(f"{asked.command_path} has no verbs of its own")
        _, found, _ = group.resolve_command(asked, [word])
        assert found is not None
        asked = click.Context(found, parent=asked, info_name=word)
    session.output.page(asked.get_help().split("\n"))
