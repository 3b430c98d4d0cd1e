"""``mvc compress rerun``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from compress.cli.session import Session

if TYPE_CHECKING:
    from compress.rerunning import Again, Rerun


#: What is known once a step was done again.
_FOUND = ("same", "tensors", "exact", "tolerance", "differing")


@click.command("rerun")
@click.argument("revision", metavar="COMMIT")
@click.option("--verify", is_flag=True, help="Exit with 1 unless the same comes out.")
@click.option("--data", multiple=True, metavar="FILE", help="Where the same texts lie now.")
@click.option("--seed", type=int, metavar="N", help="Another than it had: what hangs on the draw.")
@click.option("--dry-run", "-n", is_flag=True, help="Tell what would be done, and whether it can.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def command(
    session: Session,
    revision: str,
    verify: bool,
    data: tuple[str, ...],
    seed: int | None,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Do the step COMMIT again, as its record says, and compare; nothing changes.

    Masks and codes are to be the same exactly, other values within a thousandth of their tensor's largest.
    """
    from compress.cli.showing import plain
    from compress.rerunning import again, rerun

    repo = session.repository
    if dry_run:
        known, done = again(repo, revision, data=data, seed=seed), None
    else:
        done = rerun(repo, revision, report=plain(session), data=data, seed=seed)
        known = done.known
    if as_json:
        session.output.document("compress-rerun", _document(known, done))
    else:
        session.output.show(
            [*([_would(known)] if done is None else _lines(done)), *_changed(known)]
        )
    return 1 if verify and done is not None and not done.same else 0


def _document(known: Again, done: Rerun | None) -> dict[str, Any]:
    """``done``: None of a dry run."""
    return {
        "dry_run": done is None,
        "commit": known.commit,
        **{key: getattr(done, key, None) for key in _FOUND},
        "versions": {name: list(pair) for name, pair in known.changed.items()},
    }


def _would(known: Again) -> str:
    subject = known.step.commit.subject
    return f"dry run: would do {known.commit[:7]} again: {subject}; nothing has changed"


def _lines(done: Rerun) -> Iterator[str]:
    short = done.known.commit[:7]
    if done.same:
        yield f"{short}: all {done.tensors} tensors come out as recorded, {done.exact} of them to the bit"
    else:
        yield f"{short}: {len(done.differing)} of {done.tensors} tensors come out otherwise"
    for name, how in done.differing.items():
        yield f"  {name}: {how}"


def _changed(known: Again) -> Iterator[str]:
    for name, (then, now) in known.changed.items():
        yield f"  {name} was {then}, and is {now}"
