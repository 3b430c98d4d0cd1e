"""``mvc compress unfactor``."""

from __future__ import annotations

import click

from compress.cli.choosing import Run, run_options
from compress.cli.session import Session


@click.command("unfactor")
@click.option("--only", multiple=True, metavar="GLOB", help="Only weights of such names.")
@click.option("--skip", multiple=True, metavar="GLOB", help="No weights of such names.")
@run_options
@click.pass_obj
def command(session: Session, only: tuple[str, ...], skip: tuple[str, ...], run: Run) -> None:
    """Multiply factors back into the matrices they stand for, so that anything loads the model."""
    from compress.cli.showing import run_recipe
    from compress.operations.unfactor import Unfactor

    run_recipe(session, Unfactor(only=only, skip=skip), run)
