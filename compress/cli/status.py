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
    from compress.waves.history import history

    found = {**status(session.repository), "waves": history(session.repository)}
    if as_json:
        session.output.document("compress-status", found)
    else:
        session.output.show(_lines(found))


def _lines(found: dict[str, Any]) -> Iterator[str]:
    if not found["steps"]:
        yield "HEAD stands on no step"
    for step in found["steps"]:
        numbers = ", ".join(f"{name} {value:.4g}" for name, value in step["metrics"].items())
        back = step["taken_back"]
        told = (
            f"{'' if back['whole'] else 'in part '}taken back by {back['by'][:7]}"
            if back
            else numbers
        )
        yield f"{step['commit'][:7]} {step['summary']}  {told}".rstrip()
    if found["dense"]:
        yield f"{found['dense'][:7]} (dense)"
    yield from _in_force(found["invariants"])
    if found["waves"]:
        yield from _waves(found["waves"])
    for one in found["refused"]:
        yield f"refused {one['number']}: {one['summary']}: {'; '.join(one['reasons'])}"
    if found["unfinished"]:
        run = found["unfinished"]
        done = f"{run['summary']}, {run['layers']} blocks done"
        yield f"running: {done}" if run["running"] else f"cut off: {done} (mvc compress resume)"


def _in_force(invariants: list[dict[str, Any]]) -> Iterator[str]:
    """A line for each kind of promise; ranks, which may be many, in one."""
    ranks = [held for held in invariants if held["what"].keys() == {"rank"}]
    for held in invariants:
        if held not in ranks:
            yield f"in force: {_promised(held['what'])}, {held['count']} weights"
    if ranks:
        known = sorted(held["what"]["rank"] for held in ranks)
        said = f"rank {known[0]}" if len(known) == 1 else f"ranks {known[0]} to {known[-1]}"
        yield f"in force: {said}, {sum(held['count'] for held in ranks)} weights"


def _promised(what: dict[str, Any]) -> str:
    """``mask unstructured``, ``grid int4 group_size 64``."""
    words = []
    for kind, value in what.items():
        inner = value.items() if isinstance(value, dict) else [("", value)]
        words.append(" ".join([kind, *(f"{key} {one}".strip() for key, one in inner)]))
    return ", ".join(words)


def _waves(waves: dict[str, Any]) -> Iterator[str]:
    done, planned = waves["wave"], waves["waves"]
    yield f"waves: {done} of {planned} ({waves['shape']}), {waves['sparsity']:.1%} of {waves['to']:.1%}"
    for one in waves["history"]:
        yield f"  {one['wave']}  {one['sparsity']:.1%}  {one['worse']:+.2%}"
    if waves["next"] is None:
        yield f"  {waves['why']}"
        return
    said = f"  next  {waves['next']['sparsity']:.1%}"
    damage = waves["next"]["worse"]
    if damage is not None:
        said += f"  {damage[0]:+.2%} expected"
        if damage[2] is not None:
            said += f" ({damage[1]:.2%} to {damage[2]:.2%})"
    yield said
