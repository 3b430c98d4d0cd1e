"""``mvc op``."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import click

from mvc.cli import documents
from mvc.cli.app import Session
from mvc.cli.commits import date
from mvc.cli.output import columns, quoted
from mvc.history.operation import Change, Operation
from mvc.history.past import find
from mvc.history.revisions import shorten


@click.group("op")
def command() -> None:
    """Look at the operation log, and go back to any point of it.

    Every command that moved a branch, the stage or the stash is an operation. @{0} is the newest, @{1} the one
    before; an operation also goes by its id, or by the first letters of it.
    """


@command.command("log")
@click.option("-n", "--max-count", "limit", type=int, metavar="N", help="At most N operations.")
@click.option("--oneline", is_flag=True, help="A line an operation.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def log(session: Session, limit: int | None, oneline: bool, as_json: bool) -> None:
    """List operations, newest first: who, when, and which refs moved."""
    found = enumerate(islice(session.repository.operations(), limit))
    if as_json:
        operations = [documents.operation(number, one) for number, one in found]
        session.output.document("op-log", {"operations": operations})
    elif oneline:
        session.output.show(_headline(one, number) for number, one in found)
    else:
        session.output.show(
            line for number, one in found for line in (*([""] * (number > 0)), *_whole(one, number))
        )


@command.command("show")
@click.argument("operation", default="@{0}")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def show(session: Session, operation: str, as_json: bool) -> None:
    """Show an operation, the newest if none is named."""
    found = find(session.repository.operations(), operation)
    operations = enumerate(session.repository.operations())
    number = next(number for number, one in operations if one.id == found.id)
    if as_json:
        session.output.document("op-show", documents.operation(number, found))
    else:
        session.output.show(_whole(found, number))


@command.command("restore")
@click.argument("operation")
@click.pass_obj
def restore(session: Session, operation: str) -> None:
    """Bring refs, stage and work tree to what they were right after an operation.

    Unsaved work that is in the way stops it. It is an operation itself: `mvc undo` takes it back.
    """
    found = session.repository.restore_operation(operation)
    session.output.note([f"Restored to {_headline(found)}"])


def _headline(operation: Operation, number: int | None = None) -> str:
    """``1a2b3c4 @{0}: commit: two``."""
    at = "" if number is None else f" @{{{number}}}:"
    id_ = click.style(shorten(operation.id or ""), fg="yellow")
    return f"{id_}{at} {quoted(operation.message)}"


def _whole(operation: Operation, number: int) -> Iterator[str]:
    yield click.style(f"operation {operation.id}", fg="yellow") + f" (@{{{number}}})"
    yield f"Who:  {quoted(operation.who.name)} <{quoted(operation.who.email)}>"
    yield f"Date: {date(operation.who)}"
    if operation.undoes is not None:
        yield f"Undoes: {shorten(operation.undoes)}"
    yield ""
    yield f"    {quoted(operation.message)}"
    if operation.changes:
        yield ""
        rows = [_row(change) for change in operation.changes]
        yield from (f"    {line}" for line in columns(rows, "<<<<"))


def _row(change: Change) -> list[str]:
    old, new = (_value(value) for value in (change.old, change.new))
    return [quoted(change.ref), old, "->", new]


def _value(value: str | None) -> str:
    if value is None:
        return "nothing"
    return value.removeprefix("ref: ") if value.startswith("ref: ") else shorten(value)
