"""A step: new tensors and files for a commit, and what its record says of them. A value; see ``stepping``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from mvc.history.commits import Plan
from mvc.history.record import Json
from mvc.history.signature import Signature
from mvc.values import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """What ``operation`` made of the commit ``onto`` (a revision).

    ``model``: the file or index whose tensors change; None where none do. ``tensors``: arrays of NumPy or torch
    by name, each asked for once, so that a mapping may make them then; None takes a tensor out, and one that
    is new goes to the file of its neighbour by name. ``files``: other files' bytes by path; None removes.
    ``allow_empty``: commit also what changes no file, for what the record says.
    """

    onto: str
    message: str
    operation: str
    model: str | None = None
    tensors: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, bytes | None] = field(default_factory=dict)
    parameters: Mapping[str, Json] = field(default_factory=dict)
    seed: int | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    allow_empty: bool = False

    def plan(self, who: Signature) -> Plan:
        """The commit besides its files."""
        return Plan(
            self.message,
            who,
            who,
            self.operation,
            self.parameters,
            self.seed,
            self.versions,
            self.metrics,
        )
