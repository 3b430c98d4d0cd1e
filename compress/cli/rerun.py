"""``mvc compress rerun``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from compress.cli.session import Session

if TYPE_CHECKING:
    from compress.rerunning import Rerun


@click.command("rerun")
@click.argument("revision", metavar="COMMIT")
@click.option("--verify", is_flag=True, help="Exit with 1 unless the same comes out.")
@click.option("--data", multiple=True, metavar="FILE", help="Where the same texts lie now.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def command(
    session: Session, revision: str, verify: bool, data: tuple[str, ...], as_json: bool
) -> int:
    """Do the step COMMIT again, as its record says, and compare; nothing changes.

    Masks and codes are to be the same exactly, other values within a thousandth of their tensor's largest.
    """
    from compress.cli.showing import plain
    from compress.rerunning import rerun

    done = rerun(session.repository, revision, report=plain(session), data=data)
    if as_json:
        session.output.document(
            "compress-rerun",
            {
                "commit": done.commit,
                "same": done.same,
                "tensors": done.tensors,
                "exact": done.exact,
                "tolerance": done.tolerance,
                "differing": dict(done.differing),
                "versions": {name: list(pair) for name, pair in done.changed.items()},
            },
        )
    else:
        session.output.show(_lines(done))
    return 1 if verify and not done.same else 0


def _lines(done: Rerun) -> Iterator[str]:
    short = done.commit[:7]
    if done.same:
        yield f"{short}: all {done.tensors} tensors come out as recorded, {done.exact} of them to the bit"
    else:
        yield f"{short}: {len(done.differing)} of {done.tensors} tensors come out otherwise"
    for name, how in done.differing.items():
        yield f"  {name}: {how}"
    for name, (then, now) in done.changed.items():
        yield f"  {name} was {then}, and is {now}"
