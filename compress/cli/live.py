"""The live view at a terminal: how far the run is, and the last block's output error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mvc.history.record import Json

if TYPE_CHECKING:
    from compress.events import Report

_WORDS = {"layer": "compressing", "evaluate": "evaluating", "survey": "surveying"}


@contextmanager
def live() -> Iterator[Report]:
    """A bar for each kind of pass over the blocks; gone when the run is over."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True) as progress:
        tasks: dict[str, object] = {}

        def hear(event: str, /, **fields: Json) -> None:
            done, total = fields.get("block", fields.get("done")), fields.get("of")
            if event in ("note", "warning"):
                console.print(f"{event}: {fields.get('text')}")
            if isinstance(done, int) and isinstance(total, int):
                what = _WORDS.get(event, str(fields.get("what", event)))
                loss = fields.get("loss")
                note = f"loss {loss:.4g}" if isinstance(loss, float) else ""
                if what not in tasks or done == 0:
                    if what in tasks:
                        progress.remove_task(tasks[what])  # type: ignore[arg-type]
                    tasks[what] = progress.add_task(what, total=total, note=note)
                progress.update(tasks[what], completed=done + 1, note=note)  # type: ignore[arg-type]

        yield hear
