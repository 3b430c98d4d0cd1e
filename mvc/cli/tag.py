"""``mvc tag``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

import click

from mvc.cli import completing
from mvc.cli.app import Session
from mvc.cli.editor import edited_text
from mvc.cli.output import quoted
from mvc.cli.ref_filter import Filter, limits_refs
from mvc.cli.settings import here, is_true
from mvc.errors import UsageError
from mvc.history.record import without_trailer
from mvc.history.revisions import shorten
from mvc.repository import Repository

if TYPE_CHECKING:
    from mvc.history.ssh_keygen import SshSigner


@click.command("tag")
@click.argument("names", nargs=-1, metavar="[NAME [COMMIT]]", shell_complete=completing.tags)
@click.option("-a", "--annotate", is_flag=True, help="With tagger, date and message.")
@click.option(
    "-s/ ", "--sign/--no-sign", default=None, help="Annotated, and signed; or not signed."
)
@click.option("-u", "--local-user", "key", metavar="KEYID", help="Signed with this key.")
@click.option(
    "-m", "--message", "messages", multiple=True, help="The message; repeat for paragraphs."
)
@click.option(
    "-F", "--file", "source", type=click.File(), help="Take the message from a file, or -."
)
@click.option("-d", "--delete", is_flag=True, help="Delete tags.")
@click.option("-v", "--verify", is_flag=True, help="Check the signatures of tags.")
@click.option("-f", "--force", is_flag=True, help="Replace a tag that exists.")
@click.option(
    "-l", "--list", "listing", is_flag=True, help="List tags, those matching a glob if given."
)
@click.option(
    "-n",
    "lines",
    is_flag=False,
    flag_value="1",
    type=int,
    metavar="[N]",
    help="With N lines of the message.",
)
@limits_refs
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def command(
    session: Session,
    names: tuple[str, ...],
    annotate: bool,
    sign: bool | None,
    key: str | None,
    messages: tuple[str, ...],
    source: TextIO | None,
    delete: bool,
    verify: bool,
    force: bool,
    listing: bool,
    lines: int | None,
    which: Filter,
    as_json: bool,
) -> int | None:
    """List tags; or create, verify or delete them."""
    repository, output = session.repository, session.output
    if delete:
        for name in names:
            output.note([f"Deleted tag '{name}' (was {shorten(repository.tags.delete(name))})"])
        return None
    if verify:
        from mvc.cli.judging import report

        judge = repository.tags.verify
        return report(session, "verify-tag", judge, names, verbose=True, as_json=as_json)
    if names and not (listing or which.asked or lines is not None):
        if len(names) > 2:
            raise UsageError("too many arguments", hint="mvc tag NAME COMMIT")
        message = "\n\n".join(messages) if messages else source.read() if source else None
        signer = _signer(repository, sign, key, annotated=annotate or message is not None)
        if message is None and (annotate or signer is not None):
            message = _asked(names[0])
        repository.tags.create(*names, message=message, force=force, signer=signer)
        return None
    tags = dict(repository.tags)
    commits = {name: repository.resolve(f"refs/tags/{name}") for name in tags}
    found = which.chosen(repository, commits, names)
    if as_json:
        documents = [{"name": n, "object": tags[n], "commit": commits[n]} for n in found]
        output.document("tag", {"tags": documents})
    elif lines:
        output.show(line for name in found for line in _annotated(repository, name, lines))
    else:
        output.show(found)
    return None


def _annotated(repository: Repository, name: str, lines: int) -> Iterator[str]:
    """The name and the first lines of the tag's message, or of the commit's, as Git has it."""
    said = repository.tags.message(name)
    text = said[1] if said else without_trailer(repository.read_commit(f"refs/tags/{name}").message)
    first, *rest = text.strip().split("\n")[:lines]
    yield f"{name:<15} {quoted(first)}"
    yield from (f"    {quoted(line)}" for line in rest)


def _signer(
    repository: Repository, sign: bool | None, key: str | None, *, annotated: bool
) -> SshSigner | None:
    """The key to sign with; None: the tag is not signed."""
    if sign is None and key is None:
        settings = here(repository)
        sign = is_true(settings, "tag.gpgsign")
        sign = sign or (annotated and is_true(settings, "tag.forcesignannotated"))
    if not (sign or key):
        return None
    from mvc.cli.signing import signer_of

    return signer_of(repository, key or "")


def _asked(name: str) -> str:
    """The message that the user writes in the editor.

    Raises:
        UsageError: there is none, or no terminal to ask on.
    """
    text = edited_text("") if sys.stdin.isatty() else ""
    if not text.strip():
        raise UsageError("no tag message", hint=f"mvc tag -a {name} -m TEXT")
    return text
