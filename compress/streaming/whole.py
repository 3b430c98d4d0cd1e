"""The driver of operations over a whole model (heal): models when they are asked for, one layer kept."""

from __future__ import annotations

from typing import Any

from compress.events import Report
from compress.matrix import Tensor
from compress.model.building import on_meta
from compress.model.filling import Filling
from compress.model.weights import Committed, Weights, dense
from compress.streaming.driver import Work, as_stored
from compress.streaming.journal import Journal
from compress.streaming.layer import Layer
from mvc.errors import UsageError
from mvc.repository import Repository

#: The key of the one layer.
WHOLE = "whole"


class Loaded:
    """What an operation is handed: see ``compress.operation.Whole``."""

    def __init__(self, repo: Repository, work: Work, dense: Committed, report: Report) -> None:
        if work.samples is None:
            raise UsageError(
                f"{work.operation.name} needs texts to learn from", hint="--data FILE…"
            )
        self._repo, self._work, self._dense, self._report = repo, work, dense, report
        self.samples, self.seed = work.samples, work.seed

    def load(self) -> Any:
        """The model at HEAD, dense, in float32, on the CPU."""
        return loaded(self._work.skeleton.committed, self._work.skeleton.weights)

    def parent(self) -> Any:
        """The dense model that the chain of steps began with."""
        return loaded(self._dense, self._dense)

    def zeros(self, name: str) -> Tensor | None:
        """Where the mask in force keeps the weight ``name`` at zero, bool ``[out, in]``."""
        if "mask" not in self._work.standing.of(name):
            return None
        skeleton = self._work.skeleton
        return dense(skeleton.weights, skeleton.stored(name.removesuffix(".weight"))) == 0

    def report(self, what: str, done: int, total: int, **numbers: float) -> None:
        """Tell who listens."""
        self._report("progress", what=what, done=done, of=total, **numbers)


def loaded(committed: Committed, weights: Weights) -> Any:
    """A whole transformers model with the values of ``weights``."""
    model = on_meta(committed)
    Filling(model, weights).fill(model, "")
    model.tie_weights()
    return model


def change(
    repo: Repository, work: Work, before: Committed, journal: Journal, report: Report
) -> None:
    """Have the operation change the whole model; the result is one layer of ``journal``.

    ``before``: the dense model that the chain of steps began with.

    Raises:
        UsageError: there are no texts to learn from.
    """
    if WHOLE in journal.finished():
        return
    assert work.operation.change is not None
    changed = work.operation.change(Loaded(repo, work, before, report), work.recipe)
    skeleton = work.skeleton
    tensors, invariants, losses = {}, {}, {}
    for name, edit in changed.edits.items():
        module = skeleton.stored(name.removesuffix(".weight"))
        for ending, values in edit.payload.tensors.items():
            if values is not None:
                full = f"{module}.{ending}"
                tensors[full] = (
                    as_stored(skeleton, full, name, values) if ending == "weight" else values
                )
        invariants[name], losses[name] = edit.payload.invariant, edit.loss
    journal.write(
        Layer(
            WHOLE,
            tensors,
            losses=losses,
            decisions={"": changed.decisions},
            invariants=invariants,
            warnings=changed.warnings,
            files=changed.files,
        )
    )
