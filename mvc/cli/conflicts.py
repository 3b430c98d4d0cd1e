"""``mvc conflicts``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from mvc.cli import completing
from mvc.cli.app import Session
from mvc.cli.output import columns, counted, quoted
from mvc.cli.rendering import CONFLICTS, shape
from mvc.cli.revisions import Separated, is_revision
from mvc.history.revisions import shorten
from mvc.repository import Repository

if TYPE_CHECKING:
    from mvc.history.manifest import Entry
    from mvc.ids import CommitId
    from mvc.merge.pending import UndecidedFile, UndecidedTensor


@click.command("conflicts", cls=Separated)
@click.argument(
    "arguments",
    nargs=-1,
    metavar="[REVISION] [--] [PATH|TENSOR|GLOB]...",
    type=click.UNPROCESSED,
    shell_complete=completing.revisions_or_tracked,
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def command(session: Session, arguments: tuple[str, ...], as_json: bool) -> None:
    """List the tensors that are undecided, with what each side has: of the stage, or of REVISION.

    They are those that an unfinished merge waits for, and those that merge --keep-conflicts has committed.
    """
    repository = session.repository
    revision, words = _split(repository, arguments)
    found = repository.conflicts(revision, words)
    if as_json:
        commit = None if revision is None else repository.resolve(revision)
        files = [_file(one) for one in found]
        session.output.document("conflicts", {"commit": commit, "files": files})
    elif found:
        session.output.page(_lines(repository, found))
    else:
        session.output.note(["Nothing is undecided."])


def _split(repository: Repository, arguments: Sequence[str]) -> tuple[str | None, Sequence[str]]:
    """A revision or none, and the rest; ``--`` settles it, else the first word is one if it can be."""
    if "--" in arguments:
        at = list(arguments).index("--")
        before, after = arguments[:at], arguments[at + 1 :]
        return (before[0] if before else None), [*before[1:], *after]
    if arguments and is_revision(repository, arguments[0]):
        return arguments[0], arguments[1:]
    return None, arguments


def _lines(repository: Repository, found: Sequence[UndecidedFile]) -> Iterator[str]:
    for number, file in enumerate(found):
        if number:
            yield ""
        path = click.style(quoted(file.path), bold=True)
        if file.kind != "tensors":
            yield f"{path}: {CONFLICTS.get(file.kind, file.kind)}"
        if not file.tensors:
            continue
        yield f"{path}: {len(file.tensors)} of {counted(file.total, 'tensor')} undecided"
        for origin in dict.fromkeys((one.kept, one.sides) for one in file.tensors):
            here = [one for one in file.tensors if (one.kept, one.sides) == origin]
            yield from _origin(repository, *origin)
            width = max(len(one.conflict.models) for one in here)
            sides = _names(width)
            rows = [["  tensor", "why", "base", *sides]] + [_row(one, width) for one in here]
            yield from columns(rows, "<" * len(rows[0]))


def _origin(
    repository: Repository, kept: CommitId | None, sides: Sequence[CommitId]
) -> Iterator[str]:
    """Since when they are so, and whose the sides are."""
    if kept is not None:
        yield f"  kept by {_commit(repository, kept)}"
    named = zip(_names(len(sides)), sides, strict=True)
    rows = [[f"  {name}", _commit(repository, side)] for name, side in named]
    yield from columns(rows, "<<")


def _commit(repository: Repository, id_: CommitId) -> str:
    commit = repository.read_commit(id_)
    name = click.style(shorten(id_), fg="yellow")
    return f"{name} {quoted(commit.author.name)}: {quoted(commit.subject)}"


def _names(sides: int) -> list[str]:
    others = ["theirs"] if sides <= 2 else [f"theirs {n}" for n in range(1, sides)]
    return ["ours", *others][:sides]


def _row(one: UndecidedTensor, width: int) -> list[str]:
    sides = [*map(_side, one.conflict.sides)]
    sides += [""] * (width + 1 - len(sides))
    return [f"  {quoted(one.conflict.name)}", one.reason.removeprefix("was "), *sides]


def _side(entry: Entry | None) -> str:
    return "-" if entry is None else f"{entry.dtype} {shape(entry.shape)} {entry.id[:7]}"


def _file(file: UndecidedFile) -> dict[str, Any]:
    return {
        "path": file.path,
        "kind": file.kind,
        "total": file.total,
        "tensors": [
            {
                "name": one.conflict.name,
                "reason": one.reason,
                "base": _document(one.conflict.base),
                "sides": [*map(_document, one.conflict.models)],
                "kept": one.kept,
                "commits": [*one.sides],
            }
            for one in file.tensors
        ],
    }


def _document(entry: Entry | None) -> dict[str, Any] | None:
    if entry is None:
        return None
    return {"dtype": entry.dtype, "shape": list(entry.shape), "id": entry.id}
