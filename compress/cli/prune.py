"""``mvc compress prune``."""

from __future__ import annotations

import click

from compress.cli.choosing import Run, by_name, percentage, run_options
from compress.cli.session import Session


@click.command("prune")
@click.option(
    "--method",
    type=click.Choice(["sparsegpt", "wanda", "ria", "magnitude"]),
    default="sparsegpt",
    help="What decides which weights go; sparsegpt.",
)
@click.option("--sparsity", metavar="SHARE", help="How many: 50%, or of N:M what it makes.")
@click.option("--pattern", default="unstructured", metavar="N:M", help="Keep N of every M: 2:4.")
@click.option(
    "--scope",
    type=click.Choice(["auto", "row", "matrix"]),
    default="auto",
    help="What scores are compared in.",
)
@click.option("--damping", type=float, default=0.01, metavar="X", help="Of G's mean diagonal.")
@click.option(
    "--waves", type=int, metavar="N", help="In N waves, a commit each; this is the first."
)
@click.option("--to", metavar="SHARE", help="What the waves lead to: 50%.")
@click.option(
    "--schedule",
    type=click.Choice(["cubic", "linear", "adaptive"]),
    default="cubic",
    help="How much each wave takes; cubic.",
)
@click.option(
    "--heal",
    type=click.Choice(["lora", "qlora"]),
    help="Heal after each wave, in a commit of its own.",
)
@by_name
@run_options
@click.pass_obj
def command(
    session: Session,
    method: str,
    sparsity: str | None,
    pattern: str,
    scope: str,
    damping: float,
    waves: int | None,
    to: str | None,
    schedule: str,
    heal: str | None,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    run: Run,
) -> None:
    """Set weights to zero, those that matter least, and let others make it good."""
    from compress.cli.showing import run_recipe
    from compress.operations.prune import Prune
    from compress.pruning.patterns import n_of_m

    groups = n_of_m(pattern)
    share = 0.5 if groups is None else 1 - groups[0] / groups[1]
    if sparsity is not None:
        share = percentage(sparsity, "--sparsity")
    recipe = Prune(
        method=method,  # type: ignore[arg-type]
        sparsity=share,
        pattern=pattern,
        scope=scope,  # type: ignore[arg-type]
        damping=damping,
        only=only,
        skip=skip,
    )
    if waves is None and to is None and heal is None:
        run_recipe(session, recipe, run)
        return
    from compress.cli.showing import run_step
    from compress.waves.running import begin
    from compress.waves.schedule import Schedule
    from mvc.errors import UsageError

    if waves is None or to is None or sparsity is not None:
        raise UsageError(
            "waves need --waves N and --to S, and no --sparsity",
            hint="mvc compress prune --waves 8 --to 50%",
        )
    plan = Schedule(waves, percentage(to, "--to"), shape=schedule, heal=heal or "")  # type: ignore[arg-type]
    run_step(
        session, run, lambda **more: begin(session.repository, recipe, plan, run.options, **more)
    )
