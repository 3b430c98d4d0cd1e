"""``mvc compress quantize``."""

from __future__ import annotations

import click

from compress.cli.choosing import Run, by_name, run_options
from compress.cli.session import Session

_FORMATS = ["int4", "int3", "int8", "nf4", "fp8-e4m3", "fp8-e5m2", "fp16", "bf16"]


@click.command("quantize")
@click.option("--format", "form", type=click.Choice(_FORMATS), default="int4", help="int4.")
@click.option(
    "--method",
    type=click.Choice(["gptq", "awq", "smoothquant", "hqq", "rtn"]),
    default="gptq",
    help="How weights are rounded; gptq. hqq and rtn need no calibration.",
)
@click.option(
    "--granularity",
    type=click.Choice(["auto", "tensor", "channel", "group"]),
    default="auto",
    help="What shares a scale; a group up to four bits, else a channel.",
)
@click.option("--group-size", type=int, default=128, metavar="N", help="Columns of a group; 128.")
@click.option("--symmetric", is_flag=True, help="Integers without a zero beside the scale.")
@click.option("--no-clip", is_flag=True, help="Don't search how far to draw groups' ends in.")
@click.option("--damping", type=float, default=0.01, metavar="X", help="Of G's mean diagonal.")
@click.option("--exponent", type=float, default=0.5, metavar="X", help="SmoothQuant's; 0.5.")
@click.option(
    "--budget", default="", metavar="SIZE", help="Mixed precision: 60MB, or 4.5bit a weight."
)
@click.option(
    "--formats",
    default="int3,int4,int8",
    metavar="LIST",
    help="What --budget chooses among; int3,int4,int8.",
)
@click.option(
    "--save-as",
    type=click.Choice(["fake", "compressed-tensors", "bitsandbytes"]),
    default="fake",
    help="Values of the grid, or codes in a layout that transformers loads.",
)
@by_name
@run_options
@click.pass_obj
def command(
    session: Session,
    form: str,
    method: str,
    granularity: str,
    group_size: int,
    symmetric: bool,
    no_clip: bool,
    damping: float,
    exponent: float,
    budget: str,
    formats: str,
    save_as: str,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    run: Run,
) -> None:
    """Round weights to fewer bits, so that the outputs change least."""
    from compress.cli.showing import run_recipe
    from compress.operations.quantize import Quantize

    recipe = Quantize(
        format=form,  # type: ignore[arg-type]
        method=method,  # type: ignore[arg-type]
        granularity=granularity,  # type: ignore[arg-type]
        group_size=group_size,
        symmetric=symmetric,
        clip=not no_clip,
        damping=damping,
        exponent=exponent,
        budget=budget,
        formats=tuple(word.strip() for word in formats.split(",")),
        save_as=save_as,  # type: ignore[arg-type]
        only=only,
        skip=skip,
    )
    run_recipe(session, recipe, run)
