"""``mvc diff --html`` and ``--markdown``: where the text goes, and that nothing of the user's is lost by it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import click

from mvc.cli.compared import Compared
from mvc.cli.output import Output
from mvc.errors import UsageError
from mvc.store.fs import Disk, explained
from mvc.values import dataclass

#: Tensors of a model that a page lists.
_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Answer:
    """What is asked for; ``target`` is the file to write, None the output stream."""

    form: Literal["html", "markdown"]
    target: str | None
    every_tensor: bool
    tensors: Sequence[str]


def report(sides: Compared, output: Output, answer: Answer) -> bool:
    """Compare, and write the report; whether anything differs.

    Raises:
        UsageError: the file to write to is something else, or a page would go to a terminal.
    """
    from mvc.diff.report import SPECTRA

    is_page = answer.form == "html"
    if answer.target is not None:
        _check(answer.target, answer.form)
    elif is_page and sys.stdout.isatty():
        raise UsageError("a page is not for a terminal", hint="mvc diff --html -o diff.html")
    found = sides.report(
        tensors=answer.tensors,
        portraits=is_page,
        spectra=0 if not is_page else None if answer.every_tensor else SPECTRA,
    )
    rows = None if answer.every_tensor else _ROWS
    pieces: Iterator[str]
    if is_page:
        from mvc.cli.page import page

        pieces = page(found, sides.titles(), rows)
    else:
        from mvc.cli.markdown import markdown

        pieces = (f"{line}\n" for line in markdown(found, sides.titles(), rows))
    _write(pieces, answer.target, output)
    return bool(found.difference)


def _check(target: str, form: str) -> None:
    """A file is replaced only by its like: a slip must not cost a model."""
    from mvc.cli.markdown import MARK as TEXT
    from mvc.cli.page import MARK as PAGE

    mark = (PAGE if form == "html" else TEXT).encode()
    if os.path.isdir(target):
        raise UsageError(f"'{target}' is a folder", hint="name a file in it")
    if os.path.lexists(target):
        with explained("read", target), open(target, "rb") as file:
            if file.read(len(mark)) != mark:
                raise UsageError(
                    f"'{target}' exists already, and mvc diff has not made it",
                    hint="name another file",
                )


def _write(pieces: Iterable[str], target: str | None, output: Output) -> None:
    if target is None:
        output.close()  # the bar
        for piece in pieces:
            click.echo(piece, nl=False, color=False)
        return
    # A name that is no text (a surrogate) has been made visible; what is left is UTF-8.
    data = "".join(pieces).encode("utf-8", "backslashreplace")
    Disk().write_whole(os.path.abspath(target), data)
    output.note([f"wrote {target}"])
