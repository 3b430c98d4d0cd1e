"""The one sink through which verbs speak: for people, as JSON, or not at all."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from mvc.cli.pager import Pager

#: Names before the rest is counted.
_NAMED = 3
#: How long something may run before its progress is shown, in seconds.
_PATIENCE = 1.0


class Output:
    """``quiet`` drops what was not asked for; results (``show``, ``page``) are always written.

    ``pager`` gives the command line of a pager, or None; it is asked once there is something to read.
    """

    def __init__(
        self,
        *,
        color: bool | None = None,
        quiet: bool = False,
        pager: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.quiet = quiet
        self._color = color
        self._choose_pager = pager
        self._pager: Pager | None = None
        self._bar: _Bar | None = None

    def show(self, lines: Iterable[str]) -> None:
        """The result that the user asked for."""
        self._end_bar()
        for line in lines:
            click.echo(line, color=self._color)

    def page(self, lines: Iterable[str]) -> None:
        """A result that may be long: on a terminal it goes through the pager."""
        first = True
        try:
            for line in lines:
                self._end_bar()
                if first:
                    self._open_pager()
                first = False
                click.echo(line, color=self._color)
        except BrokenPipeError:
            if self._pager is None:
                raise  # else the user has read enough

    def note(self, lines: Iterable[str]) -> None:
        """What happened along the way."""
        if not self.quiet:
            self.show(lines)

    def document(self, verb: str, content: Mapping[str, Any]) -> None:
        """The result of ``verb`` for programs; ``docs/reference/json.md`` has its shape."""
        import json

        from mvc.cli.documents import document

        self._end_bar()
        click.echo(json.dumps(document(verb, content), indent=2), color=False)

    def progress(self, what: str, done: int, total: int) -> None:
        """Draw how far something is, on a terminal, once the work has lasted a second."""
        if self._bar is None and not self.quiet and sys.stderr.isatty():
            self._bar = _Bar()
        if self._bar is not None:
            self._bar.advance(what, done, total)

    def close(self) -> None:
        """Take the bar off the terminal, and wait until the user has left the pager."""
        self._end_bar()
        if self._pager is not None:
            pager, self._pager = self._pager, None
            pager.close()

    def _open_pager(self) -> None:
        if self._pager is None and sys.stdout is not None and sys.stdout.isatty():
            command = self._choose_pager()
            if command is not None:
                from mvc.cli.pager import Pager

                self._pager = Pager(command)
                # A pipe would lose the colours that the terminal behind it can show.
                self._color = True if self._color is None else self._color

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class _Bar:
    def __init__(self) -> None:
        import time

        self._clock = time.monotonic
        self._started = self._clock()
        self._progress: Any = None
        self._tasks: dict[str, Any] = {}

    def advance(self, what: str, done: int, total: int) -> None:
        if self._progress is None:
            if self._clock() - self._started < _PATIENCE:
                return
            self._open()
        task = self._tasks.get(what)
        if task is None:
            task = self._tasks[what] = self._progress.add_task(what, total=total)
        self._progress.update(task, completed=done, total=total)

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._progress.start()

    def close(self) -> None:
        if self._progress is not None:
            self._progress.stop()


def size(count: int) -> str:
    """Bytes for people: ``86.7 MB`` (powers of 1000, as Hugging Face and disks count)."""
    if count < 1000:
        return f"{count} B"
    amount = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        amount /= 1000
        if amount < 999.95 or unit == "TB":
            break
    return f"{amount:.1f} {unit}"


def some(names: Sequence[str]) -> str:
    """``a, b, c and 4 more``."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def counted(number: int, what: str) -> str:
    """``1 tensor``, ``2 tensors``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def columns(rows: Sequence[Sequence[str]], align: str, gap: str = "  ") -> list[str]:
    """``rows`` in aligned columns; ``align`` has ``<`` or ``>`` for each. Styles do not count as width."""
    if not rows:
        return []
    widths = [max(len(click.unstyle(row[n])) for row in rows) for n in range(len(align))]
    return [gap.join(map(_pad, row, widths, align)).rstrip() for row in rows]


def _pad(cell: str, width: int, align: str) -> str:
    blanks = " " * (width - len(click.unstyle(cell)))
    return blanks + cell if align == ">" else cell + blanks


def quoted(name: str) -> str:
    """A name for a terminal: control characters and odd ones escaped, so that data can't steer it."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)
