"""What a run says while it goes on: events with a name and fields, for whoever listens."""

from __future__ import annotations

from typing import Protocol

from mvc.history.record import Json


class Report(Protocol):
    """Called with an event's name and its fields; docs/reference/compression.md lists them."""

    def __call__(self, event: str, /, **fields: Json) -> None:
        """Hear of it."""
        ...


def unheard(event: str, /, **fields: Json) -> None:
    """Who does not want to hear."""
