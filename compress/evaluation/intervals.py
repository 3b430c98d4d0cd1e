"""How sure a difference is: a paired mean with Student's interval. Plain numbers; no framework."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mvc.values import dataclass

#: Two-sided 95 % quantiles of Student's t by degrees of freedom; beyond them the normal's with its first terms.
_T = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean, and the 95 % interval that it lies in."""

    mean: float
    low: float
    high: float


def student(freedom: int) -> float:
    """The 97.5 % quantile of t (exact to 0.001 beyond 30 degrees by Cornish and Fisher's expansion)."""
    if freedom <= len(_T):
        return _T[max(freedom, 1) - 1]
    z = 1.959964
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)


def interval(values: Sequence[float]) -> Interval:
    """Of the mean of ``values``; of one value alone it is everything."""
    count = len(values)
    mean = math.fsum(values) / count
    if count < 2:
        return Interval(mean, -math.inf, math.inf)
    spread = math.sqrt(math.fsum((one - mean) ** 2 for one in values) / (count - 1) / count)
    reach = student(count - 1) * spread
    return Interval(mean, mean - reach, mean + reach)


def paired(before: Sequence[float], after: Sequence[float]) -> Interval:
    """Of the mean of ``after - before``, one of each a sample: what differs between samples cancels."""
    return interval([late - early for early, late in zip(before, after, strict=True)])
