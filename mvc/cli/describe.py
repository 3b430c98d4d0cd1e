"""``mvc describe``."""

from __future__ import annotations

import click

from mvc.cli import completing
from mvc.cli.app import Session
from mvc.errors import UsageError
from mvc.history.describe import CANDIDATES, Choice

#: What is behind a name when something is not committed, unless told otherwise.
_MARK = "-dirty"


class _Describe(click.Command):
    """``--dirty`` takes a mark only with an equals sign, as in Git; click would take the next word."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Give ``--dirty`` its mark."""
        return super().parse_args(
            ctx, [f"--dirty={_MARK}" if word == "--dirty" else word for word in args]
        )


@click.command("describe", cls=_Describe)
@click.argument("revisions", nargs=-1, metavar="[REVISION]...", shell_complete=completing.revisions)
@click.option("--tags", is_flag=True, help="Any tag, not only those with a message.")
@click.option("--all", "everything", is_flag=True, help="Any branch or tag.")
@click.option("--contains", is_flag=True, help="By the oldest tag that holds the commit.")
@click.option("--always", is_flag=True, help="The id where no tag will do.")
@click.option("--long", is_flag=True, help="With distance and id, even where a tag is exact.")
@click.option("--abbrev", type=click.IntRange(0), default=7, metavar="N", help="Digits of the id.")
@click.option("--exact-match", is_flag=True, help="Only a tag of the commit itself.")
@click.option(
    "--candidates",
    type=click.IntRange(0),
    default=CANDIDATES,
    metavar="N",
    help="How many tags to weigh.",
)
@click.option("--match", multiple=True, metavar="GLOB", help="Only tags that match.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="No tags that match.")
@click.option("--first-parent", is_flag=True, help="Follow only the first parent of merges.")
@click.option(
    "--dirty",
    metavar="[=MARK]",
    help=f"Put {_MARK}, or MARK, behind it when something is not committed.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def command(
    session: Session,
    revisions: tuple[str, ...],
    tags: bool,
    everything: bool,
    contains: bool,
    always: bool,
    long: bool,
    abbrev: int,
    exact_match: bool,
    candidates: int,
    match: tuple[str, ...],
    exclude: tuple[str, ...],
    first_parent: bool,
    dirty: str | None,
    as_json: bool,
) -> None:
    """Name commits (HEAD) by the nearest tag behind them: v1.0-3-g5af01b2 is three commits after v1.0."""
    if long and not abbrev:
        raise UsageError("options '--long' and '--abbrev=0' cannot be used together")
    if dirty is not None and revisions:
        raise UsageError("option '--dirty' and commit-ishes cannot be used together")
    choice = Choice(tags, everything, match, exclude, candidates, first_parent)
    if exact_match:
        choice = Choice(tags, everything, match, exclude, 0, first_parent)
    repository = session.repository
    found = [
        repository.describe(one, choice, contains=contains, abbrev=abbrev, long=long, always=always)
        for one in revisions or ("HEAD",)
    ]
    mark = dirty if dirty is not None and _is_dirty(session) else ""
    if as_json:
        names = [
            {
                "name": one.text + mark,
                "commit": one.commit,
                "tag": one.tag,
                "distance": one.distance,
            }
            for one in found
        ]
        session.output.document("describe", {"dirty": bool(mark), "names": names})
        return
    session.output.show(one.text + mark for one in found)


def _is_dirty(session: Session) -> bool:
    status = session.repository.status()
    return bool(status.staged or status.unstaged or status.conflicts)
