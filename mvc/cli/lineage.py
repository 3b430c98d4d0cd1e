"""``mvc lineage``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from mvc.cli import completing
from mvc.cli.app import Session
from mvc.cli.commits import iso_date
from mvc.cli.graph import Graph
from mvc.cli.output import columns, quoted
from mvc.cli.rendering import shape
from mvc.cli.revisions import Separated, split_revisions
from mvc.errors import UsageError
from mvc.history.revisions import shorten
from mvc.repository import Repository

if TYPE_CHECKING:
    from mvc.diff.stats import TensorStats
    from mvc.history.lineage import Lineage, Version
    from mvc.ids import CommitId

#: Of each version how far it is from the one before; empty where nobody asked.
_Steps = Mapping["CommitId", "TensorStats | None"]


@click.command("lineage", cls=Separated)
@click.argument(
    "arguments",
    nargs=-1,
    required=True,
    metavar="TENSOR|GLOB [REVISION] [--] [PATH]...",
    type=click.UNPROCESSED,
    shell_complete=completing.revisions_or_tracked,
)
@click.option(
    "--stats", is_flag=True, help="How far each version is from the one before; reads the tensors."
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def command(session: Session, arguments: tuple[str, ...], stats: bool, as_json: bool) -> None:
    """Show how a tensor came to be: its versions, and how each was made from those before.

    Of every model of REVISION (HEAD) that has it, or of PATHs alone. Merges that took one side's tensor are
    passed over.
    """
    repository = session.repository
    name, words = arguments[0], arguments[1:]
    revisions, paths = split_revisions(repository, words)
    if name == "--" or len(revisions) > 1:
        raise UsageError(
            "lineage takes a tensor and one revision",
            hint="mvc lineage TENSOR [REVISION] [--] [PATH]...",
        )
    revision = revisions[0] if revisions else "HEAD"
    found = repository.lineage(name, revision, paths=paths)
    if as_json:
        tensors = [_document(one, _steps(repository, one, stats)) for one in found]
        content = {"commit": repository.resolve(revision), "tensors": tensors}
        session.output.document("lineage", content)
        return
    session.output.page(_lines(repository, found, stats))


def _steps(repository: Repository, lineage: Lineage, stats: bool) -> _Steps:
    return repository.lineage_steps(lineage) if stats else {}


def _lines(repository: Repository, found: Iterator[Lineage], stats: bool) -> Iterator[str]:
    for number, lineage in enumerate(found):
        if number:
            yield ""
        entry = lineage.versions[0].entry
        about = f"{entry.dtype} {shape(entry.shape)}" if entry else "undecided"
        name = click.style(quoted(lineage.name), bold=True)
        yield f"{name}  {about}  in {quoted(lineage.model)}"
        steps = _steps(repository, lineage, stats)
        align = "<<<<><" if stats else "<<<<<"
        rows = columns([_row(lineage, one, steps, stats) for one in lineage.versions], align)
        drawing = Graph({one.commit.id for one in lineage.versions})
        for version, row in zip(lineage.versions, rows, strict=True):
            # What lies between two versions is no part of the drawing.
            yield from drawing.draw(replace(version.commit, parents=version.before), [row])


def _row(lineage: Lineage, version: Version, steps: _Steps, stats: bool) -> list[str]:
    return [
        click.style(shorten(version.commit.id), fg="yellow"),
        iso_date(version.commit.author)[:10],
        version.entry.id[:12] if version.entry else "",
        _how(lineage, version),
        *([_far(steps.get(version.commit.id))] if stats else []),
        quoted(version.commit.subject),
    ]


def _far(step: TensorStats | None) -> str:
    return f"{step.relative_l2:.3g}" if step and step.relative_l2 is not None else ""


def _how(lineage: Lineage, version: Version) -> str:
    by = f" by {version.strategy}" if version.strategy else ""
    if version.how == "merged":
        return f"merged{by} from {_and(version.before)}"
    if version.how == "resolved":
        return f"resolved{by}"
    if version.how == "reverted" and version.source:
        return f"reverted {shorten(version.source)}{by}"
    if version.how == "picked" and version.source:
        return f"picked from {shorten(version.source)}{by}"
    if version.how == "restored" and version.source:
        return f"restored from {shorten(version.source)}"
    if version.how == "renamed":
        names = {one.commit.id: one.name for one in lineage.versions}
        return f"renamed from {quoted(names[version.before[0]])}"
    return version.how


def _and(ids: Sequence[CommitId]) -> str:
    *head, last = map(shorten, ids)
    return f"{', '.join(head)} and {last}" if head else last


def _document(lineage: Lineage, steps: _Steps) -> dict[str, object]:
    versions = [_version(one, steps.get(one.commit.id)) for one in lineage.versions]
    return {"name": lineage.name, "model": lineage.model, "versions": versions}


def _version(version: Version, step: TensorStats | None) -> dict[str, object]:
    from mvc.cli import documents

    entry = version.entry
    return {
        "commit": version.commit.id,
        "author": documents.person(version.commit.author),
        "subject": version.commit.subject,
        "path": version.path,
        "name": version.name,
        "dtype": entry and entry.dtype,
        "shape": entry and list(entry.shape),
        "id": entry and entry.id,
        "how": version.how,
        "before": list(version.before),
        "operation": version.operation,
        "strategy": version.strategy,
        "source": version.source,
        "relative_l2": step and step.relative_l2,
    }
