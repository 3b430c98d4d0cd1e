"""How metrics look beside a commit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mvc.cli.output import columns, quoted

if TYPE_CHECKING:
    from mvc.history.metrics import Measured


def said(known: Mapping[str, Measured]) -> str:
    """``loss=1.2 perplexity=3.4``."""
    return " ".join(f"{quoted(name)}={one.value:g}" for name, one in known.items())


def values(known: Mapping[str, Measured]) -> list[str]:
    """A line each, names and values below one another."""
    return columns([[quoted(name), f"{one.value:g}"] for name, one in known.items()], "<>")
