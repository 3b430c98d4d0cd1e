"""``mvc compress dequantize``."""

from __future__ import annotations

import click

from compress.cli.choosing import Run, run_options
from compress.cli.session import Session


@click.command("dequantize")
@click.option("--only", multiple=True, metavar="GLOB", help="Only weights of such names.")
@click.option("--skip", multiple=True, metavar="GLOB", help="No weights of such names.")
@run_options
@click.pass_obj
def command(session: Session, only: tuple[str, ...], skip: tuple[str, ...], run: Run) -> None:
    """Store quantized weights as values again, free to leave their grid."""
    from compress.cli.showing import run_recipe
    from compress.operations.dequantize import Dequantize

    run_recipe(session, Dequantize(only=only, skip=skip), run)
