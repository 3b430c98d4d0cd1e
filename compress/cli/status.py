"""``mvc compress status``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from compress.cli.session import Session


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def command(session: Session, as_json: bool) -> None:
    """Show the chain of steps that HEAD stands on, what was refused, and what was cut off."""
    from compress.reading import status

    found = status(session.repository)
    if as_json:
        session.output.document("compress-status", found)
    else:
        session.output.show(_lines(found))


def _lines(found: dict[str, Any]) -> Iterator[str]:
    if not found["steps"]:
        yield "HEAD stands on no step"
    for step in found["steps"]:
        numbers = ", ".join(f"{name} {value:.4g}" for name, value in step["metrics"].items())
        yield f"{step['commit'][:7]} {step['summary']}  {numbers}".rstrip()
    if found["dense"]:
        yield f"{found['dense'][:7]} (dense)"
    for held in found["invariants"]:
        yield f"in force: {held['what']} of {held['count']} weights"
    for one in found["refused"]:
        yield f"refused {one['number']}: {one['summary']}: {'; '.join(one['reasons'])}"
    if found["unfinished"]:
        run = found["unfinished"]
        yield f"cut off: {run['summary']}, {run['layers']} blocks done (mvc compress resume)"
