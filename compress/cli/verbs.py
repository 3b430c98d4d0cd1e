"""``mvc compress``: the group of its verbs, each a file beside this one; listing them imports no framework."""

from __future__ import annotations

import click

from compress.cli import prune, resume, status


@click.group("compress")
def command() -> None:
    """Compress a model step by step: every step is a commit that can be judged and taken back.

    A step is evaluated before and after, and only kept if the model got no worse than --limit says; what is
    refused stays on a ref of its own.
    """


for verb in (prune, resume, status):
    command.add_command(verb.command)
