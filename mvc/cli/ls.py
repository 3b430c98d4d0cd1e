"""``mvc ls``."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

import click

from mvc.cli import completing, documents
from mvc.cli.app import Session
from mvc.cli.output import columns, counted, quoted, size
from mvc.cli.rendering import shape
from mvc.cli.revisions import Separated, split_revisions
from mvc.errors import UsageError
from mvc.history.log import matches
from mvc.history.snapshot import Snapshot
from mvc.paths import inside


@click.command("ls", cls=Separated)
@click.argument(
    "arguments",
    nargs=-1,
    metavar="[REVISION] [--] [PATH]...",
    type=click.UNPROCESSED,
    shell_complete=completing.revisions_or_tracked,
)
@click.option("-l", "--long", is_flag=True, help="With format, size and number of tensors.")
@click.option("--tensors", is_flag=True, help="The tensors in each file.")
@click.option(
    "-t", "--tensor", "globs", multiple=True, metavar="GLOB", help="Only matching tensors."
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def command(
    session: Session,
    arguments: tuple[str, ...],
    long: bool,
    tensors: bool,
    globs: tuple[str, ...],
    as_json: bool,
) -> None:
    """List the tracked files: on the stage, or of REVISION."""
    repository = session.repository
    revisions, paths = split_revisions(repository, arguments)
    if len(revisions) > 1:
        raise UsageError("ls takes one revision")
    files = repository.snapshot(revisions[0]) if revisions else repository.staged()
    wanted = [inside(repository.root, path, repository.cwd) for path in paths] or [""]
    chosen = [path for path in files if matches(path, wanted)]
    if as_json:
        found = [documents.tracked_file(files, path) for path in chosen]
        session.output.document("ls", {"files": found})
    elif tensors or globs:
        session.output.show(_tensor_lines(files, chosen, globs or ("*",)))
    elif long:
        session.output.show(columns([_row(files, path) for path in chosen], "<>><"))
    else:
        session.output.show(map(quoted, chosen))


def _row(files: Snapshot, path: str) -> list[str]:
    manifest = files.manifest(path)
    if manifest is None:
        return ["text", size(len(files.blob(path))), "", quoted(path)]
    count = counted(len(manifest.written), "tensor") if manifest.skeleton else ""
    return [manifest.format, size(manifest.size), count, quoted(path)]


def _tensor_lines(files: Snapshot, paths: list[str], globs: tuple[str, ...]) -> Iterator[str]:
    for path in paths:
        manifest = files.manifest(path)
        if manifest is None or not (manifest.tensors or manifest.conflicts):
            continue
        undecided = {conflict.name for conflict in manifest.conflicts}
        yield click.style(quoted(path), bold=True)
        rows = [
            ["  " + quoted(e.name), e.dtype, shape(e.shape), e.id[:12], _mark(e.name in undecided)]
            for e in manifest.written
            if any(fnmatchcase(e.name, glob) for glob in globs)
        ]
        yield from columns(rows, "<<<<<")


def _mark(undecided: bool) -> str:
    return "undecided: ours" if undecided else ""
