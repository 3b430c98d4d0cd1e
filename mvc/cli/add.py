"""``mvc add``."""

from __future__ import annotations

import click

from mvc.cli import completing
from mvc.cli.app import Session
from mvc.cli.output import counted, size


@click.command("add")
@click.argument("paths", nargs=-1, metavar="[PATH]...", shell_complete=completing.files)
@click.option("-A", "--all", "everything", is_flag=True, help="Everything, removals included.")
@click.option("-u", "--update", is_flag=True, help="Only files that are tracked already.")
@click.option("-f", "--force", is_flag=True, help="Also ignored files.")
@click.option(
    "--opaque", is_flag=True, help="Keep the files as plain bytes, whatever their name says."
)
@click.option("-v", "--verbose", is_flag=True, help="Name each file.")
@click.pass_obj
def command(
    session: Session,
    paths: tuple[str, ...],
    everything: bool,
    update: bool,
    force: bool,
    opaque: bool,
    verbose: bool,
) -> None:
    """Put files on the stage.

    Their tensors go into the store now; your files are only read. Inside a code repository a folder
    stands for the model files in it and their sidecars, not for code.
    """
    added = session.repository.add(
        paths, everything=everything, update=update, opaque=opaque, force=force
    )
    if verbose:
        session.output.note(f"add '{path}'" for path in added.paths)
        session.output.note(f"remove '{path}'" for path in added.removed)
    report = added.report
    if report is not None and report.objects:
        known = report.objects - report.new_objects
        session.output.note(
            [
                f"{counted(report.new_objects, 'new object')}, {known} already stored: "
                f"{size(report.raw_bytes)} of weights in {size(report.stored_bytes)}"
            ]
        )
