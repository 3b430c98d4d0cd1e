"""What mvc's command line hands to a verb of ours: the output sink, and the repository when it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from mvc.repository import Repository


class Output(Protocol):
    """The one sink."""

    quiet: bool

    def show(self, lines: Iterable[str]) -> None:
        """A result."""
        ...

    def note(self, lines: Iterable[str]) -> None:
        """What happened along the way."""
        ...

    def document(self, verb: str, content: Mapping[str, Any]) -> None:
        """A result for programs."""
        ...


class Session(Protocol):
    """See ``mvc.cli.app.Session``."""

    output: Output
    cwd: str

    @property
    def repository(self) -> Repository:
        """The repository around the current folder."""
        ...
