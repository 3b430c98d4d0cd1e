"""Evaluators that packages bring along, through entry points of the group ``mvc.evaluators``, by metric.

An evaluator measures a committed model where it is stored: nothing has to be checked out. mvc has none itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Evaluator(Protocol):
    """The function that an entry point names."""

    def __call__(self, repository: object, revision: str, data: Sequence[str]) -> float:
        """The metric of the model that the ``mvc.Repository`` has at ``revision``, on the files ``data``.

        Raises:
            MvcError: it can't be measured; the message says what is missing, and how to give it.
        """
        ...


def evaluator(metric: str) -> Evaluator | None:
    """The one for ``metric``; None where no package has one."""
    from importlib.metadata import entry_points

    for entry in entry_points(group="mvc.evaluators", name=metric):
        found: Evaluator = entry.load()
        return found
    return None
