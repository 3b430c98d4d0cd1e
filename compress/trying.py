"""What a step made, judged: all of it, or without what the guard rolls back; and the commit that it would be.

Owns what follows from the layers that are finished: configuration, promises, measurement, verdict. Decides
nothing about landing, and commits nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from compress import environment, telling
from compress.editing import Edited, standing_after, verified
from compress.evaluation.evaluator import Subject
from compress.evaluation.measurement import BETTER, Measurement
from compress.events import Report
from compress.guard.limit import DEFAULT, Limit, Verdict, judge
from compress.model.skeleton import Skeleton
from compress.model.weights import Part
from compress.operation import Operation
from compress.options import Options
from compress.preparing import Start
from compress.standing import Standing
from compress.streaming.layer import Layer
from mvc.errors import UsageError
from mvc.history.record import Json
from mvc.history.step import Step
from mvc.values import dataclass


@dataclass(frozen=True, slots=True)
class Made:
    """``rolled_back``: weights that stay as the parent has them, though the operation changed them."""

    edited: Edited
    config: Mapping[str, Any]
    standing: Standing
    after: Measurement
    verdict: Verdict
    rolled_back: tuple[str, ...] = ()


class Trying:
    """One run of ``operation`` with the recipe ``of``; ``before`` is the parent's measurement."""

    def __init__(
        self,
        operation: Operation,
        of: Any,
        options: Options,
        begun: Start,
        before: Measurement,
        report: Report,
    ) -> None:
        self._operation, self._of, self._options = operation, of, options
        self._begun, self.before, self._report = begun, before, report

    def made(self, layers: Sequence[Layer], rolled_back: tuple[str, ...] = ()) -> Made:
        """What ``layers`` come to.

        Raises:
            MvcError: they break a promise, or can't be measured.
        """
        edited, parent = Edited(layers), self._begun.parent
        verified(self._begun, self._operation, edited)
        config = edited.config(self._operation, self._of, parent.skeleton)
        overlaid = edited.judged(self._operation, parent.skeleton, config)
        after = self._begun.evaluator.measure(Subject(parent.committed, overlaid), self._report)
        self._report("measured", of="result", **telling.values(after))
        metric, limit, must_help = asked(self._operation, self._options, after)
        verdict = judge(self.before, after, metric, limit, must_help=must_help)
        self._report("verdict", **verdict.written())
        standing = standing_after(self._begun, self._operation, edited)
        return Made(edited, config, standing, after, verdict, rolled_back)

    def without(self, made: Made, globs: Sequence[str]) -> Made:
        """``made`` again, the weights that ``globs`` name left as the parent has them.

        It is ``made`` itself where that leaves everything, or nothing.
        """
        weights = [name for layer in made.edited.layers for name in layer.invariants]
        gone = tuple(name for name in weights if any(fnmatchcase(name, glob) for glob in globs))
        if not gone or len(gone) == len(weights):
            return made
        return self.made(cut(made.edited.layers, gone, globs, self._begun.parent.skeleton), gone)

    def step(self, made: Made, extra: Mapping[str, Json]) -> Step:
        """The commit that ``made`` would be."""
        begun, committed = self._begun, self._begun.parent.committed
        said = telling.parameters(
            self._operation, self._of, self._options, begun, made.edited.layers,
            (self.before, made.after), made.verdict, made.standing,
            {**extra, **({"rolled_back": list(made.rolled_back)} if made.rolled_back else {})},
        )  # fmt: skip
        return Step(
            onto=begun.onto,
            message=self._options.message
            or telling.message(
                self._operation.summary(self._of),
                made.verdict,
                made.after,
                len(made.rolled_back),
            ),
            operation=self._operation.name,
            model=committed.path,
            tensors=made.edited,
            files=made.edited.files(committed, made.config),
            parameters=said,
            seed=self._options.seed,
            versions=environment.versions(),
            metrics=telling.metrics(made.after),
            allow_empty=begun.standing.held != made.standing.held,
        )


def check_rollback(begun: Start, of: Any, globs: Sequence[str]) -> None:
    """Let a run begin only if what it may have to roll back is there, and can be.

    Raises:
        UsageError: a glob names no matrix, or the layout is all or nothing.
    """
    skeleton = begun.parent.skeleton
    names = [
        f"{skeleton.name_of(number, module)}.weight"
        for number, block in enumerate(skeleton.blocks)
        for module in skeleton.matrices(block)
    ]
    for glob in globs:
        if not any(fnmatchcase(name, glob) for name in names):
            raise UsageError(
                f"--rollback {glob} names none of the model's {len(names)} matrices",
                hint=f"as mvc ls -r has them: --rollback '{names[0]}'",
            )
    if globs and getattr(of, "save_as", "") == "bitsandbytes":
        raise UsageError(
            "bitsandbytes has every matrix of the blocks, or none: no part can be rolled back",
            hint="--save-as fake",
        )


def cut(
    layers: Sequence[Layer], gone: Sequence[str], globs: Sequence[str], skeleton: Skeleton
) -> list[Layer]:
    """``layers`` without the weights ``gone``, and without other tensors that ``globs`` name."""
    stored = skeleton.stored
    modules = tuple(f"{stored(name.removesuffix('.weight'))}." for name in gone)
    return [_cut(layer, gone, modules, globs) for layer in layers]


def _cut(
    layer: Layer, gone: Sequence[str], modules: tuple[str, ...], globs: Sequence[str]
) -> Layer:
    def stays(name: str) -> bool:
        return not name.startswith(modules) and not any(fnmatchcase(name, g) for g in globs)

    def left(of: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in of.items() if name not in gone}

    return replace(
        layer,
        tensors=Part(layer.tensors.__getitem__, filter(stays, layer.tensors)),
        gone=tuple(name for name in layer.gone if stays(name)),
        losses=left(layer.losses),
        decisions=left(layer.decisions),
        invariants=left(layer.invariants),
    )


def asked(operation: Operation, options: Options, measured: Measurement) -> tuple[str, Limit, bool]:
    """Which metric judges, within which limit, and whether it has to get better.

    By what was asked for, or by what the operation is for.
    """
    metric = options.metric or (operation.metric if operation.metric in measured.values else "")
    must_help = operation.must_help and not options.limit
    limit = Limit(0.0, False) if must_help else Limit.parse(options.limit or DEFAULT)
    return metric or _metric(measured), limit, must_help


def _metric(after: Measurement) -> str:
    """The first that there is of what is known, in order of weight; or the command's own."""
    for name in ("perplexity", *BETTER):
        if name in after.values:
            return name
    return next(iter(after.values))
