"""What a step's commit says: its message, and the parameters of its record."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from compress import environment, recipe
from compress.evaluation.measurement import Measurement
from compress.guard.limit import Verdict
from compress.operation import Operation
from compress.options import Options
from compress.preparing import Start
from compress.standing import Standing
from compress.streaming.layer import Layer
from mvc.history.record import Json

#: Options that a record has elsewhere, or that say nothing of the result.
_UNSAID = {"message", "seed"}


def parameters(
    operation: Operation,
    of: Any,
    options: Options,
    start: Start,
    layers: Sequence[Layer],
    measured: tuple[Measurement, Measurement],
    verdict: Verdict,
    standing: Standing,
    extra: Mapping[str, Json],
) -> dict[str, Json]:
    """All that it takes to do the step again, and all that was found out about it."""
    before, after = measured
    said: dict[str, Json] = {
        "recipe": recipe.encode(operation.name, of),
        "options": options_told(options),
        "model": start.parent.committed.path,
        "dense": start.chain.dense,
        "environment": environment.told(),
        "evaluation": _json(start.evaluator.written()),
        "measured": {"before": values(before), "after": values(after)},
        "samples": {n: [_number(v) for v in of_each] for n, of_each in after.each.items()},
        "verdict": verdict.written(),
        "losses": {name: _number(v) for one in layers for name, v in one.losses.items()},
        "decisions": {n: dict(v) for one in layers for n, v in one.decisions.items()},
        "warnings": [text for one in layers for text in one.warnings],
        **standing.written(),
        **extra,
    }
    if start.calibration is not None:
        said["calibration"] = start.calibration.written()
    return said


def known(start: Start) -> Measurement | None:
    """What the record of the commit that a step starts from says of it, measured in just the same way.

    In pairs it is as good as measuring again. None where anything differs: texts, threads, versions, weights.
    """
    newest = start.chain.newest
    if newest is None or newest.commit.id != start.onto:
        return None
    said = newest.record.parameters
    alike = (
        said.get("evaluation") == _json(start.evaluator.written())
        and said.get("environment") == environment.told()
        and said.get("dense") == start.chain.dense
        and all(newest.record.versions.get(n) == v for n, v in environment.versions().items())
    )
    measured, each = said.get("measured"), said.get("samples")
    if not alike or not isinstance(measured, dict) or not isinstance(each, dict):
        return None
    after = measured.get("after")
    if not isinstance(after, dict) or None in after.values():
        return None
    samples: dict[str, tuple[float, ...]] = {
        name: tuple(float(str(v)) for v in of) for name, of in each.items() if isinstance(of, list)
    }
    higher = start.evaluator.written().get("higher")
    return Measurement(
        {n: float(str(v)) for n, v in after.items()},
        samples,
        frozenset(after) if higher else frozenset(),
    )


def options_told(options: Options) -> dict[str, Json]:
    """The options as a record or a journal has them."""
    found = {name: value for name, value in asdict(options).items() if name not in _UNSAID}
    return {name: list(v) if isinstance(v, tuple) else v for name, v in found.items()}


def message(summary: str, verdict: Verdict, after: Measurement, rolled_back: int = 0) -> str:
    """The commit's message: what was done, then what it did to the model, and what the guard took back."""
    change = verdict.worse.mean * (100 if verdict.limit.relative else 1)
    unit = "%" if verdict.limit.relative else ""
    lines = [
        summary,
        "",
        f"{verdict.metric} {verdict.before:.5g} -> {verdict.after:.5g} "
        f"({change:+.3g}{unit} worse, limit {verdict.limit})",
    ]
    others = [f"{n} {v:.4g}" for n, v in sorted(after.values.items()) if n != verdict.metric]
    if others:
        lines.append(", ".join(others))
    if rolled_back:
        lines.append(f"rolled back: {rolled_back} of the weights, which stay as they were")
    return "\n".join(lines) + "\n"


def metrics(after: Measurement) -> dict[str, float]:
    """What ``mvc log --metrics`` shows."""
    return {name: value for name, value in after.values.items() if math.isfinite(value)}


def values(of: Measurement) -> dict[str, Json]:
    """The numbers, as JSON has them."""
    return {name: _number(value) for name, value in of.values.items()}


def _number(value: float) -> Json:
    return float(f"{value:.9g}") if math.isfinite(value) else None


def _json(values: Mapping[str, object]) -> dict[str, Json]:
    found: dict[str, Json] = json.loads(json.dumps(values))
    return found
