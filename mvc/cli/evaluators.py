"""Evaluators that packages bring along, through entry points by metric; mvc has none itself.

``mvc.evaluators``: measure a committed model where it is stored: nothing has to be checked out.
``mvc.evaluators.layers``: measure the models between a commit's parent and the commit, a layer at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class Evaluator(Protocol):
    """The function that an entry point names."""

    def __call__(self, repository: object, revision: str, data: Sequence[str]) -> float:
        """The metric of the model that the ``mvc.Repository`` has at ``revision``, on the files ``data``.

        Raises:
            MvcError: it can't be measured; the message says what is missing, and how to give it.
        """
        ...


class Layers(Protocol):
    """A commit and its parent, layer by layer."""

    @property
    def names(self) -> Sequence[str]:
        """The layers in which they differ, in the model's order; each prefixes the names of its tensors."""
        ...

    def measure(self, count: int) -> float:
        """The metric of the parent's model with the first ``count`` layers of the commit; NaN if it is none."""
        ...

    def told(self, number: int) -> Mapping[str, Any]:
        """What the commit's record says of layer ``number``, by tensor: ``loss``, and what was decided."""
        ...


class LayerEvaluator(Protocol):
    """The function that an entry point of ``mvc.evaluators.layers`` names."""

    def __call__(self, repository: object, revision: str, data: Sequence[str]) -> Layers:
        """The layers of the commit ``revision`` of the ``mvc.Repository``, measured on the files ``data``.

        Raises:
            MvcError: they can't be measured; the message says what is missing, and how to give it.
        """
        ...


def evaluator(metric: str) -> Evaluator | None:
    """The one for ``metric``; None where no package has one."""
    found: Evaluator | None = _named("mvc.evaluators", metric)
    return found


def layer_evaluator(metric: str) -> LayerEvaluator | None:
    """The one that measures ``metric`` between two commits; None where no package has one."""
    found: LayerEvaluator | None = _named("mvc.evaluators.layers", metric)
    return found


def _named(group: str, name: str) -> Any:
    from importlib.metadata import entry_points

    for entry in entry_points(group=group, name=name):
        return entry.load()
    return None
