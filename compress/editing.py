"""What a step made of a model: the finished layers as one mapping of tensors, checked, weighed, configured."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from compress import invariants
from compress.allocation import choices_of
from compress.events import Report
from compress.matrix import Tensor
from compress.memory import explained
from compress.model.skeleton import Skeleton
from compress.model.weights import Committed, Overlaid, Part, Sums, stored_as
from compress.operation import Operation
from compress.options import Options
from compress.preparing import Start
from compress.standing import Standing
from compress.streaming import driver
from compress.streaming.driver import Work
from compress.streaming.journal import Journal
from compress.streaming.layer import Layer
from mvc.history.record import Json
from mvc.repository import Repository


class Edited(Mapping[str, Any]):
    """Stored name → tensor, read when it is asked for; None for one that is gone."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = tuple(layers)
        self._homes = {name: layer for layer in layers for name in layer.tensors}
        self.gone = tuple(
            name for layer in layers for name in layer.gone if name not in self._homes
        )
        self._names = dict.fromkeys((*self._homes, *self.gone))
        self.tensors: Mapping[str, Any] = Part(self.__getitem__, self._homes)

    def __getitem__(self, name: str) -> Any:
        if name in self._homes:
            return self._homes[name].tensors[name]
        if name in self._names:
            return None
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    @property
    def present(self) -> list[str]:
        """Those that are there."""
        return list(self._homes)

    def invariants(self) -> dict[str, Mapping[str, Json]]:
        """What the step promises, by the weight's name."""
        return {n: held for layer in self.layers for n, held in layer.invariants.items()}

    def config(self, operation: Operation, of: Any, skeleton: Skeleton) -> dict[str, Any]:
        """``config.json`` after the step."""
        before = dict(skeleton.committed.config)
        if operation.configure is None:
            return before
        decisions = {n: dict(d) for layer in self.layers for n, d in layer.decisions.items()}
        return operation.configure(before, of, decisions, skeleton.every_matrix())

    def judged(
        self, operation: Operation, skeleton: Skeleton, config: Mapping[str, Any]
    ) -> Overlaid:
        """The model as it is judged: with what files beside it add to its weights."""
        made = Overlaid(skeleton.weights, self.tensors, self.gone, config)
        if operation.adds is None:
            return made
        beside = {name: data for layer in self.layers for name, data in layer.files.items()}
        added = {}
        for name, values in operation.adds(beside).items():
            module = name.removesuffix(".weight")
            turned = skeleton.turned(module, stored_as(made, skeleton.stored(module)))
            added[skeleton.stored(module)] = values.T if turned else values
        gone = [
            one for module in added for one in stored_as(made, module) if one != f"{module}.weight"
        ]
        return Overlaid(made, Sums(made, added), gone, config) if added else made

    def files(self, committed: Committed, config: Mapping[str, Any]) -> dict[str, bytes | None]:
        """Files beside the model that change."""
        found = {name: data for layer in self.layers for name, data in layer.files.items()}
        if dict(config) != committed.config:
            text = json.dumps(dict(config), indent=2, sort_keys=True) + "\n"
            found["config.json"] = text.encode()
        prefix = f"{committed.folder}/" if committed.folder else ""
        return {prefix + name: data for name, data in found.items()}

    def sizes(self, committed: Committed) -> tuple[int, int]:
        """Bytes of the model's tensors before and after."""
        sizes = committed.sizes()
        before = sum(sizes.values())
        after = sum(size for name, size in sizes.items() if name not in self)
        for name in self._homes:
            after += _nbytes(self[name])
        return before, after


def edits_of(
    repo: Repository,
    operation: Operation,
    of: Any,
    begun: Start,
    options: Options,
    journal: Journal,
    report: Report,
    alone: frozenset[int] | None = None,
) -> None:
    """Have the operation done, into the journal; ``alone``: on these blocks, each as if no other were."""
    standing = begun.standing
    skeleton = begun.parent.skeleton
    if skeleton.architecture.note:
        report("note", text=skeleton.architecture.note)
    samples = None if begun.calibration is None else begun.calibration.ids
    work = Work(skeleton, operation, of, samples, standing, options.seed, {}, options.first, alone)
    if operation.change is not None:
        from compress.streaming.whole import change

        change(repo, work, begun.dense, journal, report)
    else:
        if operation.look is not None and samples is not None:
            from compress.streaming.whole import look

            hint = "fewer or shorter sequences (--samples 16 --length 128), or --ranks uniform"
            with explained("while gradients are taken of the whole model", hint):
                work = work.with_choices(look(repo, work, begun.dense, report))
        driver.apply(work.with_choices(choices_of(work, report)), journal, report)


def standing_after(begun: Start, operation: Operation, edited: Edited) -> Standing:
    """What holds once the step has landed."""
    changed: dict[str, Mapping[str, Json]] = {}
    for name, held in edited.invariants().items():
        kept = {k: v for k, v in begun.standing.of(name).items() if k not in operation.ends}
        changed[name] = {**kept, **held}
    return begun.standing.after(changed)


def verified(begun: Start, operation: Operation, edited: Edited) -> None:
    """Hold what the step made against what it promises, and what earlier steps did.

    Raises:
        MvcError: a promise is broken.
    """
    standing = begun.standing
    skeleton = begun.parent.skeleton
    overlaid = Overlaid(begun.parent.weights, edited.tensors, edited.gone)
    for name, promised in edited.invariants().items():
        module = name.removesuffix(".weight")
        after = skeleton.dense(module, overlaid)
        start_ = f"{skeleton.stored(module)}."
        stored = {n.removeprefix(start_): edited[n] for n in edited.present if n.startswith(start_)}
        held = {k: v for k, v in standing.of(name).items() if k not in operation.ends}
        reasons = invariants.broken(promised, None, after, stored)
        if held:
            before = skeleton.dense(module)
            reasons += invariants.broken({**held, **promised}, before, after, stored)
        invariants.demand(name, reasons)


def _nbytes(tensor: Tensor) -> int:
    return int(tensor.numel() * tensor.element_size())
