"""``mvc compress factor``."""

from __future__ import annotations

import click

from compress.cli.choosing import Run, by_name, percentage, run_options
from compress.cli.session import Session
from mvc.errors import UsageError


@click.command("factor")
@click.option(
    "--method",
    type=click.Choice(["svd-llm", "asvd", "fwsvd", "svd"]),
    default="svd-llm",
    help="What counts when a matrix is approached; svd-llm: the error of its output.",
)
@click.option("--keep", metavar="SHARE", help="Of the parameters; 80%.")
@click.option("--energy", metavar="SHARE", help="Instead: the least rank that keeps this much.")
@click.option(
    "--ranks",
    type=click.Choice(["uniform", "budget", "search"]),
    help="All alike, or given out by output error, or (of svd-llm) by what the loss feels of it.",
)
@click.option("--damping", type=float, default=0.001, metavar="X", help="Of G's mean diagonal.")
@by_name
@run_options
@click.pass_obj
def command(
    session: Session,
    method: str,
    keep: str | None,
    energy: str | None,
    ranks: str | None,
    damping: float,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    run: Run,
) -> None:
    """Put two thin matrices in the place of a large one, by its singular values."""
    from compress.cli.showing import run_recipe
    from compress.operations.factor import Factor

    if energy is not None and (keep is not None or ranks is not None):
        raise UsageError("--energy says the ranks already", hint="leave out --keep and --ranks")
    recipe = Factor(
        method=method,  # type: ignore[arg-type]
        ranks="energy" if energy is not None else ranks or "auto",  # type: ignore[arg-type]
        keep=0.8 if keep is None else percentage(keep, "--keep"),
        energy=0.0 if energy is None else percentage(energy, "--energy"),
        damping=damping,
        only=only,
        skip=skip,
    )
    run_recipe(session, recipe, run)
