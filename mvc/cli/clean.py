"""``mvc clean``."""

from __future__ import annotations

import posixpath

import click

from mvc.cli.app import Session
from mvc.cli.options import quiet
from mvc.cli.output import quoted
from mvc.errors import UsageError
from mvc.paths import inside


@click.command("clean")
@click.argument("paths", nargs=-1, metavar="[--] [PATH]...")
@click.option("-n", "--dry-run", is_flag=True, help="Say what would go, and touch nothing.")
@click.option("-f", "--force", is_flag=True, help="Do it; clean.requireForce=false does without.")
@click.option("-d", "folders", is_flag=True, help="Folders that nothing is tracked of, too.")
@click.option("-x", "which", flag_value="all", help="Ignored files as well.")
@click.option("-X", "which", flag_value="ignored", help="Ignored files only.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@quiet
@click.pass_obj
def command(
    session: Session,
    paths: tuple[str, ...],
    dry_run: bool,
    force: bool,
    folders: bool,
    which: str | None,
    as_json: bool,
) -> None:
    """Remove files that nobody tracks, below the current folder or at PATHs. There is no way back.

    It removes what `mvc add .` would take. So inside a code repository no code goes, and nothing that its Git
    tracks; nor do links, sockets, and repositories of their own.
    """
    repository, output = session.repository, session.output
    if not (dry_run or force):
        _refuse_unless_allowed(repository.config.get("clean.requireForce"))
    found = repository.clean(paths, folders=folders, which=which or "untracked", dry_run=dry_run)
    if as_json:
        output.document("clean", {"removed": not dry_run, "paths": found})
        return
    here = inside(repository.root, repository.cwd, repository.cwd)
    lines = (quoted(_seen(path, here)) for path in found)
    if dry_run:
        output.show(f"Would remove {line}" for line in lines)
    else:
        output.note(f"Removing {line}" for line in lines)


def _refuse_unless_allowed(required: str | None) -> None:
    if required is None or required.lower() not in ("false", "no", "off", "0"):
        how = "defaults" if required is None else "set"
        raise UsageError(
            f"clean.requireForce {how} to true and neither -n nor -f given; refusing to clean",
            hint="mvc clean -n shows what would go",
        )


def _seen(path: str, folder: str) -> str:
    """``path`` as it is typed in ``folder``; a folder keeps its slash."""
    return posixpath.relpath(path, folder or ".") + ("/" if path.endswith("/") else "")
