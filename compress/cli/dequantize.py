"""``mvc compress dequantize``."""

from __future__ import annotations

import click

from compress.cli.choosing import Run, by_name, run_options
from compress.cli.session import Session


@click.command("dequantize")
@by_name
@run_options
@click.pass_obj
def command(session: Session, only: tuple[str, ...], skip: tuple[str, ...], run: Run) -> None:
    """Store quantized weights as values again, free to leave their grid."""
    from compress.cli.showing import run_recipe
    from compress.operations.dequantize import Dequantize

    run_recipe(session, Dequantize(only=only, skip=skip), run)
