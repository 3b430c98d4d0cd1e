"""``mvc init``."""

from __future__ import annotations

import os

import click

import mvc
from mvc.cli.app import Session
from mvc.cli.options import quiet
from mvc.opening import find


@click.command("init")
@click.argument("folder", default=".", metavar="[DIR]")
@click.option(
    "-b", "--initial-branch", default="main", metavar="NAME", help="Name of the first branch."
)
@quiet
@click.pass_obj
def command(session: Session, folder: str, initial_branch: str) -> None:
    """Create an empty repository in DIR (the current folder).

    It may lie inside a code repository, whose Git is then told to ignore .mvc/ and what mvc tracks.
    """
    existed = find(os.path.abspath(folder)) == os.path.abspath(folder)
    repository = mvc.init(folder, initial_branch=initial_branch)
    verb = "Reinitialized existing" if existed else "Initialized empty"
    session.output.note([f"{verb} mvc repository in {repository.folder}{os.sep}"])
