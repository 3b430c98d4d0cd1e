"""The models between a step's parent and the step, layer by layer: for ``mvc bisect run --layers``.

Owns what counts as a layer: a block of the model, and whatever module outside of blocks the step changed. Reads
two commits and writes nothing. A model in between has its first layers from the step, in the form that the step
stored them, and the others from the parent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from compress import environment
from compress.chain import step_of
from compress.evaluation.builtin import Measuring, sequences
from compress.model.weights import Committed, Overlaid, Part
from mvc.errors import UsageError
from mvc.history.record import Json

if TYPE_CHECKING:
    from mvc.repository import Repository


def layers(metric: str, repository: object, revision: str, data: Sequence[str]) -> Between:
    """The layers of the step ``revision``, to be measured by ``metric`` on the texts ``data``.

    Raises:
        UsageError: no texts, no model, no parent, or several.
        MvcError: the extra is not installed.
    """
    environment.require()
    repo = cast("Repository", repository)
    commit = repo.read_commit(revision)
    if len(commit.parents) != 1:
        raise UsageError(
            f"{commit.id[:7]} has {len(commit.parents)} parents, and a step has one",
            hint="mvc bisect start takes merges, too",
        )
    step = step_of(repo, commit)
    said = {} if step is None else step.record.parameters
    path = said.get("model")
    made = Committed(repo, commit.id, path if isinstance(path, str) else None)
    before = Committed(repo, commit.parents[0], made.path)
    measuring = Measuring(repo, before, metric, sequences(metric, before, data))
    return Between(before, made, measuring, said)


perplexity = partial(layers, "perplexity")
loss = partial(layers, "loss")
accuracy = partial(layers, "accuracy")
kl = partial(layers, "kl")
agreement = partial(layers, "agreement")
similarity = partial(layers, "similarity")


class Between:
    """``before`` and ``made`` are the model of the parent and of the step; ``said``: the step's record."""

    def __init__(
        self, before: Committed, made: Committed, measuring: Measuring, said: Mapping[str, Json]
    ) -> None:
        self._before, self._made, self._measuring, self._said = before, made, measuring, said
        there = {*before.names, *made.names}
        changed = {name for name in there if before.identity(name) != made.identity(name)}
        blocks = _blocks(before)
        #: Of each layer the stored tensors that changed.
        self._of: dict[str, set[str]] = {}
        for name in sorted(changed, key=lambda name: _place(name, blocks)):
            self._of.setdefault(_layer(name, blocks), set()).add(name)
        self.names: Sequence[str] = tuple(self._of)

    def measure(self, count: int) -> float:
        """The metric of the parent's model with the first ``count`` layers of the step."""
        taken = {name for layer in self.names[:count] for name in self._of[layer]}
        there = set(self._made.names)
        over = Part(self._made.read, sorted(taken & there))
        mixed = Overlaid(self._before, over, taken - there, self._made.config)
        return self._measuring.of(mixed)

    def told(self, number: int) -> Mapping[str, Mapping[str, Any]]:
        """Of each matrix of the layer its loss, and what was decided."""
        start = f"{self.names[number]}."
        found: dict[str, dict[str, Any]] = {}
        losses, decisions = self._said.get("losses"), self._said.get("decisions")
        for name, loss in losses.items() if isinstance(losses, dict) else ():
            if _within(name, start):
                found.setdefault(name, {})["loss"] = loss
        for name, decided in decisions.items() if isinstance(decisions, dict) else ():
            if name and _within(name, start) and isinstance(decided, dict):
                found.setdefault(name, {}).update(decided)
        return found


def _blocks(committed: Committed) -> str:
    """What the names of blocks begin with in the file: ``model.layers.``."""
    from compress.model.skeleton import Skeleton

    skeleton = Skeleton(committed)
    return f"{skeleton.stored(f'{skeleton.path}.0').rpartition('.')[0]}."


def _layer(name: str, blocks: str) -> str:
    number = name.removeprefix(blocks).partition(".")[0]
    return f"{blocks}{number}" if name.startswith(blocks) else name.rpartition(".")[0]


def _place(name: str, blocks: str) -> tuple[int, str]:
    """In the model's order: what is outside of blocks first."""
    found = re.match(r"[0-9]+", name.removeprefix(blocks)) if name.startswith(blocks) else None
    return (int(found[0]) if found else -1, name)


def _within(name: str, start: str) -> bool:
    """Whether a weight is of the layer; a file may lack what the model's names begin with."""
    return name.startswith(start) or f".{start}" in name
