"""``mvc blame``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from mvc.cli import completing, documents
from mvc.cli.app import Session
from mvc.cli.commits import iso_date, tombstones
from mvc.cli.output import columns, quoted
from mvc.cli.rendering import shape
from mvc.cli.revisions import Separated
from mvc.errors import UsageError
from mvc.history.revisions import shorten
from mvc.paths import inside
from mvc.repository import Repository

if TYPE_CHECKING:
    from mvc.history.blame import Blamed

#: The commit of what is not committed yet.
_NONE = "0" * 40
#: Letters of a subject before it is cut; the names of tensors beside it are long.
_SUBJECT = 40


@click.command("blame", cls=Separated)
@click.argument(
    "arguments",
    nargs=-1,
    required=True,
    metavar="PATH [REVISION] [--] [TENSOR|GLOB]...",
    type=click.UNPROCESSED,
    shell_complete=completing.revisions_or_tracked,
)
@click.option(
    "-t", "--tensor", "tensors", multiple=True, metavar="GLOB", help="Only matching tensors."
)
@click.option("-s", "bare", is_flag=True, help="Neither author nor date.")
@click.option("-e", "--show-email", is_flag=True, help="The author's address, not the name.")
@click.option("-l", "long", is_flag=True, help="Whole ids of commits.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def command(
    session: Session,
    arguments: tuple[str, ...],
    tensors: tuple[str, ...],
    bare: bool,
    show_email: bool,
    long: bool,
    as_json: bool,
) -> None:
    """Show for each tensor of a model the commit that last changed it.

    PATH is a file or the name of a sharded model, REVISION where to begin: without it in the work tree, of
    which some may be not committed yet. Renames of files are followed; of a merge, the side that has the same
    tensor.
    """
    repository = session.repository
    path, revision, globs = _asked(repository, arguments)
    found = repository.blame(path, revision, tensors=(*tensors, *globs))
    if as_json:
        session.output.document("blame", _document(repository, path, revision, found))
        return
    here = inside(repository.root, path, repository.cwd)
    renamed = any(one.origin != here for one in found)
    rows = [_row(one, bare=bare, email=show_email, long=long, renamed=renamed) for one in found]
    session.output.page(columns(rows, "<" * len(rows[0])))


def _asked(repository: Repository, words: Sequence[str]) -> tuple[str, str | None, Sequence[str]]:
    """Path, revision (None: the work tree) and globs; the first two in either order, as Git takes them."""
    at = words.index("--") if "--" in words else len(words)
    before, after = words[:at], words[at + 1 :]
    if len(before) == 1 and after and _is_revision(repository, before[0], ""):
        return after[0], before[0], after[1:]  # Git's form: REVISION -- PATH
    if len(before) == 1:
        return before[0], None, after
    if len(before) == 2:
        path, revision = before
        if not _is_revision(repository, revision, path):
            path, revision = revision, path
        return path, revision, after
    raise UsageError(
        "blame takes a path, and perhaps a revision" if before else "no path given",
        hint="mvc blame PATH [REVISION] -- GLOB...",
    )


def _is_revision(repository: Repository, word: str, other: str) -> bool:
    """Whether ``word`` is the revision of the two."""
    for one, verdict in ((word, True), (other, False)):
        try:
            repository.resolve(one)
        except UsageError:
            continue
        tracked = inside(repository.root, one, repository.cwd) in repository.staged()
        return verdict if not tracked else not verdict
    return bool(other)


def _row(one: Blamed, *, bare: bool, email: bool, long: bool, renamed: bool) -> list[str]:
    who = one.commit.author
    subject = one.commit.subject
    if len(subject) > _SUBJECT:
        subject = subject[: _SUBJECT - 1] + "…"
    entry = one.entry
    id_ = click.style(one.commit.id if long else shorten(one.commit.id), fg="yellow")
    about = [] if bare else [quoted(who.email if email else who.name), iso_date(who)]
    tensor = [entry.dtype, shape(entry.shape)] if entry else ["conflict", ""]
    place = [quoted(one.origin)] if renamed else []
    return [id_, *place, *about, quoted(subject), quoted(one.name), *tensor]


def _document(
    repository: Repository, path: str, revision: str | None, found: Sequence[Blamed]
) -> dict[str, object]:
    gone = tombstones(repository)
    commits = {one.commit.id: one.commit for one in found if one.commit.id != _NONE}
    return {
        "commit": repository.resolve(revision or "HEAD"),
        "path": inside(repository.root, path, repository.cwd),
        "tensors": [*map(_tensor, found)],
        "commits": [documents.commit(one, gone.get(id_)) for id_, one in sorted(commits.items())],
    }


def _tensor(one: Blamed) -> dict[str, object]:
    entry = one.entry
    return {
        "name": one.name,
        "dtype": entry and entry.dtype,
        "shape": entry and list(entry.shape),
        "id": entry and entry.id,
        "path": one.path,
        "commit": None if one.commit.id == _NONE else one.commit.id,
        "origin": one.origin,
    }
