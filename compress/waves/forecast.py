"""What the next wave will probably cost, from what the waves before it did; plain numbers.

Damage for a share taken grows about exponentially with the sparsity reached: a line through log(worse / step)
over sparsity, with the interval that a new observation has around it (Student).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from compress.evaluation.intervals import Interval, student
from mvc.values import dataclass

#: Damage that can't be told from none is taken for this share.
_LEAST = 1e-5


@dataclass(frozen=True, slots=True)
class Seen:
    """A wave that was tried: it took ``step`` and reached ``sparsity``; ``worse``: by which share of before."""

    sparsity: float
    step: float
    worse: float


def forecast(seen: Sequence[Seen], sparsity: float, step: float) -> Interval | None:
    """By how much a wave to ``sparsity`` by ``step`` makes it worse; None before there were two."""
    points = [(s.sparsity, math.log(max(s.worse, _LEAST) / s.step)) for s in seen if s.step > 0]
    count = len(points)
    if count < 2:
        return None
    middle = math.fsum(x for x, _ in points) / count
    mean = math.fsum(y for _, y in points) / count
    spread = math.fsum((x - middle) ** 2 for x, _ in points)
    slope = math.fsum((x - middle) * (y - mean) for x, y in points) / spread if spread else 0.0
    centre = mean + slope * (sparsity - middle)
    if count < 3 or not spread:
        return Interval(math.exp(centre) * step, 0.0, math.inf)
    left = math.fsum((y - mean - slope * (x - middle)) ** 2 for x, y in points) / (count - 2)
    scale = math.sqrt(left * (1 + 1 / count + (sparsity - middle) ** 2 / spread))
    reach = student(count - 2) * scale
    ends = [math.exp(min(centre + sign * reach, 700.0)) * step for sign in (0, -1, 1)]
    return Interval(*ends)
