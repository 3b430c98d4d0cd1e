"""``mvc compress heal``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from compress.cli.choosing import Run, by_name, run_options
from compress.cli.session import Session


@click.command("heal")
@click.option(
    "--method",
    type=click.Choice(["lora", "qlora"]),
    default="lora",
    help="qlora: the frozen weights in NF4 meanwhile.",
)
@click.option("--steps", type=int, default=200, metavar="N", help="At most; 200.")
@click.option("--rank", type=int, default=8, metavar="N", help="Of the adapters; 8.")
@click.option("--alpha", type=float, default=16.0, metavar="X", help="Adapters count X / rank; 16.")
@click.option("--rate", type=float, default=1e-3, metavar="X", help="The highest; 0.001.")
@click.option("--batch", type=int, default=4, metavar="N", help="Sequences a step; 4.")
@click.option(
    "--distill",
    type=click.Choice(["none", "cosine", "kl"]),
    default="kl",
    help="Learn what the dense model predicts (kl), or its states; none: the text alone.",
)
@click.option("--weight", type=float, default=1.0, metavar="X", help="Of what is distilled; 1.")
@click.option("--labels", type=float, default=0.0, metavar="X", help="Of the text's next token; 0.")
@click.option(
    "--adapter",
    type=click.Choice(["merged", "apart"]),
    default="merged",
    help="Into the weights, or in files that peft reads.",
)
@by_name
@run_options
@click.pass_context
def command(context: click.Context, /, run: Run, **given: Any) -> None:
    """Train a little, to make good what a step broke; kept only if it helps.

    Zeros of a mask stay zero, and ranks what they are. 256 sequences are learned from unless --samples says
    otherwise, and KL to the dense model has to fall.
    """
    from compress.cli.showing import run_recipe
    from compress.operations.heal import SAMPLES, Heal

    session: Session = context.obj
    if context.get_parameter_source("samples") is click.core.ParameterSource.DEFAULT:
        run.options = replace(run.options, samples=SAMPLES)
    run_recipe(session, Heal(**given), run)
