"""``mvc tag``."""

from __future__ import annotations

from fnmatch import fnmatchcase

import click

from mvc.cli import completing
from mvc.cli.app import Session
from mvc.errors import UsageError
from mvc.history.revisions import shorten


@click.command("tag")
@click.argument("names", nargs=-1, metavar="[NAME [COMMIT]]", shell_complete=completing.tags)
@click.option("-a", "--annotate", is_flag=True, help="With tagger, date and message (needs -m).")
@click.option("-m", "--message", help="The message of an annotated tag.")
@click.option("-d", "--delete", is_flag=True, help="Delete tags.")
@click.option("-f", "--force", is_flag=True, help="Replace a tag that exists.")
@click.option(
    "-l", "--list", "listing", is_flag=True, help="List tags, those matching a glob if given."
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def command(
    session: Session,
    names: tuple[str, ...],
    annotate: bool,
    message: str | None,
    delete: bool,
    force: bool,
    listing: bool,
    as_json: bool,
) -> None:
    """List tags; or create or delete one."""
    repository, output = session.repository, session.output
    if delete:
        for name in names:
            output.note([f"Deleted tag '{name}' (was {shorten(repository.tags.delete(name))})"])
        return
    if names and not listing:
        if annotate and message is None:
            raise UsageError("no tag message", hint=f"mvc tag -a {names[0]} -m TEXT")
        if len(names) > 2:
            raise UsageError("too many arguments", hint="mvc tag NAME COMMIT")
        repository.tags.create(*names, message=message, force=force)
        return
    found = {
        name: id_
        for name, id_ in repository.tags.items()
        if not names or any(fnmatchcase(name, pattern) for pattern in names)
    }
    if as_json:
        tags = [
            {"name": name, "object": id_, "commit": repository.resolve(f"refs/tags/{name}")}
            for name, id_ in found.items()
        ]
        output.document("tag", {"tags": tags})
    else:
        output.show(found)
