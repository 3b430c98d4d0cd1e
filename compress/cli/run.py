"""``mvc compress run``."""

from __future__ import annotations

import click

from compress.cli.session import Session
from mvc.errors import MvcError


@click.command("run")
@click.argument("file", metavar="RECIPE")
@click.option("--begin", type=int, default=1, metavar="N", help="Go on from step N.")
@click.option("--data", multiple=True, metavar="FILE", help="Texts, in place of the recipe's.")
@click.option("--limit", metavar="LIMIT", help="For every step, in place of the recipe's.")
@click.option("--seed", type=int, metavar="N", help="For every step, in place of the recipe's.")
@click.option(
    "--dry-run",
    "-n",
    is_flag=True,
    help="Check the recipe, and tell the first step from a few blocks.",
)
@click.option("--json", "as_json", is_flag=True, help="Events as they happen, a line each.")
@click.pass_obj
def command(
    session: Session,
    file: str,
    begin: int,
    data: tuple[str, ...],
    limit: str | None,
    seed: int | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Take the steps of a pipeline, a YAML or JSON file; each is a commit, the first refusal ends it."""
    from compress import operations
    from compress.cli.showing import lines, reporting
    from compress.pipelines.pipeline import parse
    from compress.pipelines.running import run

    try:
        with open(file, encoding="utf-8") as text:
            content = text.read(1 << 22)
    except (OSError, UnicodeDecodeError) as error:
        raise MvcError(f"cannot read the recipe {file}: {error}") from error
    given = {"data": list(data) or None, "limit": limit, "seed": seed}
    pipeline = parse(content, file, {word: v for word, v in given.items() if v is not None})
    if dry_run and not as_json:
        for number, stage in enumerate(pipeline.stages, 1):
            operation = operations.of(stage.recipe)
            session.output.show([f"{number}  {operation.summary(stage.recipe)}"])
    with reporting(session, as_json=as_json) as report:
        run(
            session.repository,
            pipeline,
            report=report,
            begin=begin,
            dry_run=dry_run,
            landed=lambda taken: (
                None if as_json else session.output.show(lines(taken, dry_run=dry_run))
            ),
        )
