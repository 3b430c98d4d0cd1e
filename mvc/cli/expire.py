"""``mvc expire``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mvc.cli import completing
from mvc.cli.app import Session
from mvc.cli.output import counted, quoted, size
from mvc.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mvc.maintenance.expire import Expired
    from mvc.repository import Repository


@click.command("expire")
@click.argument(
    "revisions", nargs=-1, metavar="[REVISION|A..B]...", shell_complete=completing.revisions
)
@click.option("--keep-tagged", is_flag=True, help="Keep all that is tagged (always kept; a rule).")
@click.option(
    "--keep-last", type=click.IntRange(0), metavar="N", help="Keep the last N of each branch."
)
@click.option("--metric", metavar="NAME", help="Keep the best by a trailer such as 'NAME: 1.23'.")
@click.option("--lowest", type=click.IntRange(1), metavar="K", help="K with the lowest metric.")
@click.option("--highest", type=click.IntRange(1), metavar="K", help="K with the highest metric.")
@click.option("-f", "--force", is_flag=True, help="Also what is in use, if named itself.")
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would go.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def command(
    session: Session,
    revisions: tuple[str, ...],
    keep_tagged: bool,
    keep_last: int | None,
    metric: str | None,
    lowest: int | None,
    highest: int | None,
    force: bool,
    dry_run: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Let the weights of commits go, and keep their history: of REVISIONs, or all that no rule keeps.

    Tips of branches, tags and what unfinished work needs stay. mvc gc then frees what nothing else needs, once
    undo and reflogs have forgotten it; until then mvc undo takes it back.
    """
    from mvc.maintenance.expire import Rules

    if (metric is None) != (lowest is None and highest is None) or (lowest and highest):
        raise UsageError(
            "--metric takes one of --lowest and --highest",
            hint="mvc expire --metric eval-loss --lowest 3",
        )
    rules = Rules(keep_tagged, keep_last, metric, lowest or highest or 1, bool(highest))
    repository = session.repository
    done = repository.upkeep.expire(revisions, rules=rules, force=force, dry_run=dry_run)
    if as_json:
        commits = [
            {"id": one.commit, "time": one.time, "rule": one.rule, "forced": one.forced}
            for one in done.commits
        ]
        content = {"dry_run": dry_run, "commits": commits, "bytes": done.bytes}
        session.output.document("expire", content)
    elif not quiet:
        session.output.note(_lines(repository, done, dry_run))


def _lines(repository: Repository, done: Expired, dry_run: bool) -> Iterator[str]:
    if not done.commits:
        yield "nothing to expire"
        return
    for one in done.commits:
        subject = repository.read_commit(one.commit).subject
        yield f"{click.style(one.commit[:7], fg='yellow')} {quoted(subject)}"
    verb = "would expire" if dry_run else "expired"
    alone = f"{size(done.bytes)} that nothing else needs"
    yield f"{verb} the weights of {counted(len(done.commits), 'commit')}: {alone}"
    if not dry_run:
        yield "mvc gc frees them once undo and reflogs have forgotten them; mvc undo takes it back"
