"""How much worse a model may become in one step, and the verdict on one that was made. Plain numbers."""

from __future__ import annotations

import math

from compress.evaluation.intervals import Interval, paired
from compress.evaluation.measurement import Measurement
from mvc.errors import UsageError
from mvc.history.record import Json
from mvc.values import dataclass

#: The limit unless told otherwise: 3 % of the parent's value.
DEFAULT = "3%"


@dataclass(frozen=True, slots=True)
class Limit:
    """``amount`` is a share of the parent's value if ``relative``, else in the metric's own units."""

    amount: float
    relative: bool = True

    @staticmethod
    def parse(text: str) -> Limit:
        """``3%`` is relative, ``0.5`` absolute, ``none`` no limit.

        Raises:
            UsageError: none of these, or negative.
        """
        word = text.strip()
        if word == "none":
            return Limit(math.inf)
        try:
            amount = float(word.removesuffix("%"))
        except ValueError:
            amount = -1.0
        if not amount >= 0:
            raise UsageError(
                f"'{text}' is no limit", hint="--limit 3%, --limit 0.5 (absolute), or --limit none"
            )
        return Limit(amount / 100, True) if word.endswith("%") else Limit(amount, False)

    def __str__(self) -> str:
        if math.isinf(self.amount):
            return "none"
        return f"{self.amount * 100:g}%" if self.relative else f"{self.amount:g}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """``worse``: by how much ``metric`` got worse, as a share or in its units, with its 95 % interval."""

    metric: str
    before: float
    after: float
    worse: Interval
    limit: Limit
    reasons: tuple[str, ...] = ()

    @property
    def refused(self) -> bool:
        """Whether the step may not land."""
        return bool(self.reasons)

    def written(self) -> dict[str, Json]:
        """As a record says it."""
        return {
            "metric": self.metric,
            "before": _finite(self.before),
            "after": _finite(self.after),
            "worse": _finite(self.worse.mean),
            "interval": [_finite(self.worse.low), _finite(self.worse.high)],
            "relative": self.limit.relative,
            "limit": str(self.limit),
            "refused": self.refused,
            "reasons": list(self.reasons),
        }


def judge(
    before: Measurement, after: Measurement, metric: str, limit: Limit, *, must_help: bool = False
) -> Verdict:
    """Whether ``after`` is within ``limit`` of ``before``, in pairs of samples where there are any.

    ``must_help``: it has to be better.

    Raises:
        UsageError: ``metric`` was not measured.
    """
    for side in (before, after):
        require(side, metric)
    was, now = before.values[metric], after.values[metric]
    worse = _worse(before, after, metric, relative=limit.relative)
    reasons = refusals(metric, was, now, worse, limit, must_help=must_help)
    return Verdict(metric, was, now, worse, limit, reasons)


def refusals(
    metric: str, was: float, now: float, worse: Interval, limit: Limit, *, must_help: bool = False
) -> tuple[str, ...]:
    """Why a step that is ``worse`` by so much may not land; empty where it may."""
    if not math.isfinite(now):
        return (f"{metric} is {now}",)
    if must_help and not worse.mean < 0:
        return (f"{metric} {was:.4g} → {now:.4g}: it does not help",)
    if worse.mean > limit.amount:
        by = f"{worse.mean:.1%}" if limit.relative else f"{worse.mean:.4g}"
        return (f"{metric} {was:.4g} → {now:.4g}: {by} worse, the limit is {limit}",)
    return ()


def require(measured: Measurement, metric: str) -> None:
    """Let a guard look at ``metric``; "" is any.

    Raises:
        UsageError: it was not measured.
    """
    if metric and metric not in measured.values:
        raise UsageError(
            f"nothing measured {metric}", hint=f"--metric {' or '.join(sorted(measured.values))}"
        )


def _worse(before: Measurement, after: Measurement, metric: str, *, relative: bool) -> Interval:
    sign = after.sign(metric)
    was, now = before.values[metric], after.values[metric]
    early, late = before.samples(metric), after.samples(metric)
    if early is None or late is None or len(early) != len(late):
        change = sign * (now - was)
        change = _share(change, was) if relative else change
        return Interval(change, change, change)
    found = paired(early, late)
    if metric == "perplexity":  # the samples are its logarithm's
        ends = [math.expm1(min(one, 700.0)) for one in (found.mean, found.low, found.high)]
        return Interval(*(ends if relative else [was * one for one in ends]))
    ends = sorted(sign * one for one in (found.low, found.high))
    scale = _share(1.0, was) if relative else 1.0
    return Interval(sign * found.mean * scale, ends[0] * scale, ends[1] * scale)


def _share(change: float, of: float) -> float:
    """A change as a share of what was; of nothing, any change is without measure."""
    if of:
        return change / abs(of)
    return math.inf if change > 0 else 0.0


def _finite(value: float) -> Json:
    return value if math.isfinite(value) else None
