"""``mvc compress unfactor``."""

from __future__ import annotations

import click

from compress.cli.choosing import Run, by_name, run_options
from compress.cli.session import Session


@click.command("unfactor")
@by_name
@run_options
@click.pass_obj
def command(session: Session, only: tuple[str, ...], skip: tuple[str, ...], run: Run) -> None:
    """Multiply factors back into the matrices they stand for, so that anything loads the model."""
    from compress.cli.showing import run_recipe
    from compress.operations.unfactor import Unfactor

    run_recipe(session, Unfactor(only=only, skip=skip), run)
