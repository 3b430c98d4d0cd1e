"""The driver: an operation over all blocks of a model, one in memory at a time, each kept once it is done.

Activations are propagated: a block is calibrated on what the blocks before it give as the operation left them,
rounded to what the file will hold. Knows no operation, no commit and no guard.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import torch

from compress.edit import Edit, Payload
from compress.events import Report, unheard
from compress.matrix import Tensor
from compress.memory import explained
from compress.model.skeleton import Skeleton
from compress.model.weights import Overlaid, file_dtype, stored_as
from compress.operation import Operation
from compress.standing import Standing
from compress.streaming.gathering import Grams
from compress.streaming.grouping import BlockView, chosen_by
from compress.streaming.journal import Journal, key_of
from compress.streaming.layer import Layer
from compress.streaming.states import States
from compress.unworkable import Unworkable
from mvc.errors import UsageError
from mvc.history.record import Json
from mvc.values import dataclass


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done to a model. ``samples``: tokens ``[n, length]``, None where nothing needs them.

    ``choices``: by a weight's name, what a survey chose. Blocks before ``first`` stay as they are. ``alone``:
    only these are worked on, each as if no other were.
    """

    skeleton: Skeleton
    operation: Operation
    recipe: Any
    samples: Tensor | None
    standing: Standing
    seed: int
    choices: Mapping[str, Mapping[str, Json]]
    first: int = 0
    alone: frozenset[int] | None = None

    def with_choices(self, choices: Mapping[str, Mapping[str, Json]]) -> Work:
        """The same, every matrix with what was chosen for it."""
        return replace(self, choices=choices)

    def works_on(self, block: int) -> bool:
        """Whether this block may change."""
        return block >= self.first and (self.alone is None or block in self.alone)

    @property
    def needs_gram(self) -> bool:
        """Whether blocks have to run at all."""
        return self.operation.needs_gram(self.recipe)


def apply(work: Work, journal: Journal, report: Report = unheard) -> None:
    """Do ``work``; every finished block is in ``journal`` when this returns, or is cut off.

    Blocks that the journal has already are taken from it.

    Raises:
        UsageError: no matrix is worked on, or the operation can't do it.
        Unworkable: values that are no numbers.
        MvcError: out of memory; the message says what to lower.
    """
    states = _states(work)
    finished, total, touched = set(journal.finished()), len(work.skeleton), 0
    last = max(work.alone) if work.alone else total - 1
    for number in range(total):
        key = key_of(number)
        with _explained(number, total):
            if key in finished:
                layer: Layer | None = journal.read(key)
            elif not work.works_on(number):
                layer = None
            else:
                layer = _worked(work, number, states, report)
                if layer is not None:
                    journal.write(layer)
            if layer is not None:
                touched += len(layer.invariants) or len(layer.tensors)
            if states is not None and number < last:
                _propagate(work, states, number, None if work.alone else layer)
        report("layer", block=number, of=total, **_numbers(layer, resumed=key in finished))
    if not touched:
        raise UsageError(
            "no matrix of the model is chosen", hint="--only and --skip are globs of tensor names"
        )


def survey(
    work: Work,
    options: Callable[[BlockView, Grams | None], None],
    report: Report = unheard,
) -> None:
    """Call ``options`` with every block as it is, unchanged, and what it sees: for allocators."""
    states = _states(work)
    for number in range(len(work.skeleton)):
        with (
            _explained(number, len(work.skeleton)),
            work.skeleton.loaded(number) as block,
        ):
            view = BlockView(work.skeleton, number, block, chosen_by(work.recipe))
            grams = None
            if states is not None:
                grams = Grams()
                with grams.listening(view.inputs()):
                    states.advance(block, number)
            options(view, grams)
        report("survey", block=number, of=len(work.skeleton))


def _states(work: Work) -> States | None:
    """What has to be streamed, if blocks have to run at all."""
    if not work.needs_gram:
        return None
    if work.samples is None:
        raise UsageError(
            f"{work.operation.name} as the recipe has it needs texts to calibrate on",
            hint="--data FILE…",
        )
    return States(work.skeleton, work.samples)


def _propagate(work: Work, states: States, number: int, layer: Layer | None) -> None:
    """From before block ``number`` to after it, the block being as ``layer`` has it."""
    weights = work.skeleton.weights
    if layer is not None:
        weights = Overlaid(weights, layer.tensors, layer.gone)
    with work.skeleton.loaded(number, weights) as block:
        states.advance(block, number)
    if not states.finite():
        raise Unworkable(
            f"after block {number} the hidden states are no numbers any more",
            hint="more --damping, or another --method",
        )


def _worked(work: Work, number: int, states: States | None, report: Report) -> Layer | None:
    skeleton = work.skeleton
    with skeleton.loaded(number) as block:
        view = BlockView(skeleton, number, block, chosen_by(work.recipe))
        if not view.rules:
            return None
        grams = Grams()
        if states is not None:
            with grams.listening(view.inputs()):
                for _ in states.run(block, number):
                    pass
        edits: dict[str, Edit] = {}
        # A group before what makes its input, so that this is edited with a scale that was folded into it.
        for name, _, _ in reversed(view.rules):
            peak = None if states is None else grams.peak(name)
            gram = None if states is None else grams.take(name)
            group = view.group(name, gram, work.standing, work.choices, work.seed, peak)
            if work.operation.edit_group is not None:
                found = dict(work.operation.edit_group(group, work.recipe))
                for edit in found.values():
                    view.fold(edit.folded)
                edits.update(found)
            elif work.operation.edit is not None:
                for matrix in group.matrices:
                    edits[matrix.name] = work.operation.edit(matrix, work.recipe)
            report("group", name=name, block=number)
        return _layer(skeleton, number, edits)


def _layer(skeleton: Skeleton, number: int, edits: Mapping[str, Edit]) -> Layer:
    """What the file will hold of the block's edits."""
    tensors: dict[str, Tensor] = {}
    gone: list[str] = []
    for edit in edits.values():
        for name, values in edit.folded.items():
            if name not in edits:
                full = skeleton.stored(name)
                turned = values.dim() == 2 and skeleton.turned(name.removesuffix(".weight"), [full])
                tensors[full] = _rounded(skeleton, full, name, values.T if turned else values)
    for name, edit in edits.items():
        tensors.update(stored_of(skeleton, name, edit.payload))
        # Whatever it was stored as until now and is no more: another form's tensors must not stay.
        module = skeleton.stored(name.removesuffix(".weight"))
        gone += [one for one in stored_as(skeleton.weights, module) if one not in tensors]
    return Layer(
        key_of(number),
        tensors,
        tuple(name for name in dict.fromkeys(gone) if name not in tensors),
        {name: edit.loss for name, edit in edits.items()},
        {name: edit.decisions for name, edit in edits.items() if edit.decisions},
        {name: edit.payload.invariant for name, edit in edits.items()},
        tuple(f"{name}: {one}" for name, edit in edits.items() for one in edit.warnings),
    )


def stored_of(skeleton: Skeleton, name: str, payload: Payload) -> dict[str, Tensor]:
    """What the file holds of the weight ``name`` once it is ``payload``, in its dtype and orientation."""
    module = name.removesuffix(".weight")
    stored = skeleton.stored(module)
    there = {f"{stored}.{end}": one for end, one in payload.tensors.items() if one is not None}
    turned = skeleton.turned(module, there)
    found = {}
    for full, values in there.items():
        floats = full.endswith(".weight")  # or a factor's
        oriented = values.T.contiguous() if turned else values
        found[full] = _rounded(skeleton, full, name, oriented) if floats else oriented
    return found


def _rounded(skeleton: Skeleton, full: str, name: str, values: Tensor) -> Tensor:
    """In the file's dtype; one that is new takes the dtype of what it stands for.

    ``full``: what the file calls it; ``name``: the weight of the model that it is, or is a part of. What is not
    in float32 is of a dtype on purpose, and keeps it.
    """
    weights, module = skeleton.weights, name.rpartition(".")[0]
    kind = values.dtype
    if kind == torch.float32:
        kind = file_dtype(weights, full, *stored_as(weights, skeleton.stored(module)))
    return values.to(kind).contiguous()


def _numbers(layer: Layer | None, *, resumed: bool) -> dict[str, Json]:
    if layer is None:
        return {"matrices": 0}
    known = [loss for loss in layer.losses.values() if not math.isnan(loss)]
    return {
        "matrices": len(layer.losses),
        "loss": sum(known) if known else None,
        "resumed": resumed,
        "warnings": list(layer.warnings),
    }


def _explained(number: int, total: int) -> AbstractContextManager[None]:
    return explained(
        f"at block {number} of {total}; the blocks before it are kept",
        "mvc compress resume where more memory is free; or anew with fewer or shorter sequences: "
        "--samples 16 --length 128",
    )
