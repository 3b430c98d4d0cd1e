"""The driver of operations over a whole model (heal): models when they are asked for, one layer kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compress.events import Report
from compress.matrix import Tensor
from compress.memory import explained
from compress.model.building import on_meta
from compress.model.filling import Filling
from compress.model.weights import Committed, Weights, stored_as
from compress.streaming.driver import Work, stored_of
from compress.streaming.grouping import chosen_by
from compress.streaming.journal import Journal
from compress.streaming.layer import Layer
from mvc.errors import UsageError
from mvc.history.record import Json
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

    def matrices(self, model: Any) -> dict[str, Any]:
        """The chosen ones in the blocks of ``model``, in their order."""
        skeleton, chosen = self._work.skeleton, chosen_by(self._work.recipe)
        found = {}
        for number in range(self._work.first, len(skeleton)):
            path = f"{skeleton.path}.{number}"
            for name, module in skeleton.matrices(model.get_submodule(path)).items():
                if chosen.has(f"{path}.{name}.weight"):
                    found[f"{path}.{name}.weight"] = module
        return found

    def promised(self, name: str) -> Mapping[str, Json]:
        """What earlier steps promised of the weight ``name``."""
        return self._work.standing.of(name)

    def stored(self, name: str) -> dict[str, Tensor]:
        """What the weight ``name`` is stored as."""
        weights = self._work.skeleton.weights
        module = self._work.skeleton.stored(name.removesuffix(".weight"))
        names = stored_as(weights, module)
        return {one.removeprefix(f"{module}."): weights.read(one) for one in names}

    def zeros(self, name: str) -> Tensor | None:
        """Where the mask in force keeps the weight ``name`` at zero, bool ``[out, in]``."""
        if "mask" not in self._work.standing.of(name):
            return None
        zeros: Tensor = self._work.skeleton.dense(name.removesuffix(".weight")) == 0
        return zeros

    def report(self, what: str, done: int, total: int, **numbers: float) -> None:
        """Tell who listens."""
        self._report("progress", what=what, done=done, of=total, **numbers)


def loaded(committed: Committed, weights: Weights) -> Any:
    """A whole transformers model with the values of ``weights``."""
    model = on_meta(committed)
    Filling(model, weights).fill(model, "")
    model.tie_weights()
    return model


def look(
    repo: Repository, work: Work, before: Committed, report: Report
) -> Mapping[str, Mapping[str, Json]]:
    """What the operation's look at the whole model says of its matrices; ``before`` as for ``change``."""
    assert work.operation.look is not None
    return work.operation.look(Loaded(repo, work, before, report), work.recipe)


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
    hint = "--batch 1, shorter sequences (--length 128), --distill none, or --method qlora"
    with explained(f"while {work.operation.name} trains; nothing was changed", hint):
        changed = work.operation.change(Loaded(repo, work, before, report), work.recipe)
    skeleton = work.skeleton
    tensors: dict[str, Tensor] = {}
    invariants, losses = {}, {}
    gone: list[str] = []
    for name, edit in changed.edits.items():
        module = skeleton.stored(name.removesuffix(".weight"))
        gone += stored_as(skeleton.weights, module)
        tensors.update(stored_of(skeleton, name, edit.payload))
        invariants[name], losses[name] = edit.payload.invariant, edit.loss
    journal.write(
        Layer(
            WHOLE,
            tensors,
            tuple(name for name in gone if name not in tensors),
            losses=losses,
            decisions={"": changed.decisions},
            invariants=invariants,
            warnings=changed.warnings,
            files=changed.files,
        )
    )
