"""The live view at a terminal: what was measured, how far the run is, and the last block's output error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mvc.history.record import Json

if TYPE_CHECKING:
    from compress.events import Report

_WORDS = {"layer": "compressing", "evaluate": "evaluating", "survey": "surveying"}
#: What is told of a measurement, the first that there is.
_METRICS = ("perplexity", "similarity", "loss")
#: Columns below which the bar itself is left out.
_NARROW = 60


@contextmanager
def live(console: Any = None) -> Iterator[Report]:
    """A bar for each kind of pass over the blocks, gone when the run is over; notes and warnings stay.

    ``console``: rich's, the error stream's unless given.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn

    from compress.cli.showing import unsaid

    console = console or Console(stderr=True)
    columns: list[ProgressColumn] = [
        TextColumn("{task.description}"),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
    ]
    if console.width >= _NARROW:
        columns.insert(1, BarColumn(bar_width=None))
    new = unsaid()
    with Progress(*columns, console=console, transient=True, expand=True) as progress:
        tasks: dict[str, Any] = {}

        def say(text: str) -> None:
            console.print(text, markup=False, highlight=False)

        def hear(event: str, /, **fields: Json) -> None:
            done, total = fields.get("block", fields.get("done")), fields.get("of")
            for text in new(event, fields):
                say(text)
            if event == "measured":
                for name in [name for name in _METRICS if name in fields][:1]:
                    value = fields[name]
                    shown = f"{value:.5g}" if isinstance(value, float) else "no number"
                    say(f"{'before' if total == 'parent' else 'after'}: {name} {shown}")
            if isinstance(done, int) and isinstance(total, int):
                what = _WORDS.get(event, str(fields.get("what", event)))
                loss = fields.get("loss")
                note = f"loss {loss:.4g}" if isinstance(loss, float) else ""
                if what not in tasks or done == 0:
                    if what in tasks:
                        progress.remove_task(tasks[what])
                    tasks[what] = progress.add_task(what, total=total, note=note)
                progress.update(tasks[what], completed=done + 1, note=note)

        yield hear
