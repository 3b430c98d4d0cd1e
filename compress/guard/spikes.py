"""Whether a series suddenly went wrong, or slowly: z-score, moving average, CUSUM; a trend.

For a loss during training, or a metric over the steps of a chain. Pure functions of plain numbers, higher being
worse. Noise is what the series itself shows: differences of neighbours, by their median, which a few jumps
don't move. Thresholds are set by false alarms on white noise of 100 values (tests/compress/test_guard.py).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from itertools import pairwise

from mvc.values import dataclass

#: Values before which nothing is said: noise can't be told from them.
_LEAST = 12
_MISSED = 8


@dataclass(frozen=True, slots=True)
class Alarm:
    """``kind`` found something at the value number ``at``; ``score``: in standard deviations of the noise."""

    kind: str
    at: int
    score: float

    def __str__(self) -> str:
        return f"{self.kind} at {self.at} ({self.score:.1f} deviations)"


def noise(values: Sequence[float]) -> float:
    """The standard deviation of white noise that would make these steps: 1.4826 MAD of differences / √2."""
    steps = [late - early for early, late in pairwise(values)]
    if not steps:
        return 0.0
    middle = statistics.median(steps)
    found = 1.4826 * statistics.median(abs(step - middle) for step in steps) / math.sqrt(2)
    # Of few steps the median is often too small: what it may have missed is added.
    return found * (1 + _MISSED / len(steps))


def z_score(values: Sequence[float], threshold: float = 5.0) -> Alarm | None:
    """The last value, against the mean of those before it."""
    before = values[:-1]
    if len(before) < _LEAST:
        return None
    scale = noise(before) * math.sqrt(1 + 1 / len(before))
    return _alarm("spike", len(before), values[-1] - statistics.fmean(before), scale, threshold)


def moving_average(
    values: Sequence[float], window: int = 5, threshold: float = 5.0
) -> Alarm | None:
    """The mean of the last ``window`` values, against the mean of the as many before them."""
    if len(values) < max(_LEAST, 2 * window):
        return None
    late, early = values[-window:], values[-2 * window : -window]
    scale = noise(values[:-window]) * math.sqrt(2 / window)
    rise = statistics.fmean(late) - statistics.fmean(early)
    return _alarm("step", len(values) - window, rise, scale, threshold)


def cusum(
    values: Sequence[float], *, slack: float = 0.5, threshold: float = 10.0, base: int = _LEAST
) -> Alarm | None:
    """Page's cumulative sum over the mean of the first ``base`` values: small rises that add up.

    S ← max(0, S + (x - mean)/σ - slack), alarm where S > threshold (Page, Biometrika 1954).
    """
    if len(values) <= base:
        return None
    mean, scale = statistics.fmean(values[:base]), noise(values)
    if scale == 0:
        return None
    total = 0.0
    for at, value in enumerate(values[base:], base):
        # The mean itself is uncertain by σ/√base: the slack takes that too.
        total = max(0.0, total + (value - mean) / scale - slack - 1 / math.sqrt(base))
        if total > threshold:
            return Alarm("drift", at, total)
    return None


def trend(values: Sequence[float], threshold: float = 5.0) -> Alarm | None:
    """The slope of the least-squares line, in its own standard errors: a slow decline."""
    count = len(values)
    if count < _LEAST:
        return None
    middle, mean = (count - 1) / 2, statistics.fmean(values)
    spread = sum((at - middle) ** 2 for at in range(count))
    slope = sum((at - middle) * (value - mean) for at, value in enumerate(values)) / spread
    scale = noise(values) / math.sqrt(spread)
    return _alarm("decline", count - 1, slope, scale, threshold)


def alarms(values: Sequence[float]) -> list[Alarm]:
    """What any of them finds."""
    if any(not math.isfinite(value) for value in values):
        at = next(n for n, value in enumerate(values) if not math.isfinite(value))
        return [Alarm("no number", at, math.inf)]
    found = (z_score(values), moving_average(values), cusum(values), trend(values))
    return [one for one in found if one is not None]


def _alarm(kind: str, at: int, rise: float, scale: float, threshold: float) -> Alarm | None:
    if scale == 0:
        # Without noise any rise is one, but for the last bits of a sum.
        return Alarm(kind, at, math.inf) if rise > 1e-12 * (1 + abs(rise)) else None
    return Alarm(kind, at, rise / scale) if rise / scale > threshold else None
