"""Along the arc between two models, each tensor taken as one vector (Shoemake 1985; mergekit's SLERP).

    θ = angle(a, b)
    result = sin((1 - t)θ) / sin θ · a  +  sin(tθ) / sin θ · b

The angle is that of the directions, the coefficients are of the tensors as they are. Where they point (nearly)
the same or the opposite way, |cos θ| > 0.9995, it is (1 - t) a + t b.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from mvc.merge.strategies.combination import Array, Numbers, Place
from mvc.merge.strategies.measures import (
    Whole,
    assembled,
    identical,
    inner,
    norm,
    stretches,
    unchanged,
    weighted_sum,
)
from mvc.merge.strategies.parameters import Parameters, Share, require_models

_STRAIGHT = 0.9995
_TINY = 1e-8


@dataclass(frozen=True)
class Slerp(Parameters):
    """``t``: how far from the first model (0) to the second (1)."""

    name: ClassVar[str] = "slerp"
    t: Share = 0.5

    @property
    def needs_base(self) -> bool:
        """The models as they are."""
        return False

    def accept(self, models: int) -> None:
        """An arc has two ends."""
        super().accept(models)
        require_models(self.name, models, 2, 2)

    @property
    def piecewise(self) -> bool:
        """Stretch by stretch, once lengths and angle are known."""
        return True

    def combine(self, base: Array | None, models: Sequence[Array], place: Place) -> Array:
        """The point on the arc; the base does not count."""
        return assembled(self.pieces(None, [Whole(one) for one in models], place), models[0])

    def pieces(
        self, base: Numbers | None, models: Sequence[Numbers], place: Place
    ) -> Iterator[Array]:
        """The point on the arc, stretch by stretch."""
        if identical(models):
            yield from unchanged(models[0])
            return
        lengths = [length if length > _TINY else 1.0 for length in map(norm, models)]
        cosine = max(-1.0, min(1.0, inner(*models) / lengths[0] / lengths[1]))
        if abs(cosine) > _STRAIGHT:
            coefficients = (1 - self.t, self.t)
        else:
            angle = math.acos(cosine)
            coefficients = (
                math.sin((1 - self.t) * angle) / math.sin(angle),
                math.sin(self.t * angle) / math.sin(angle),
            )
        for here in stretches(models[0].size):
            yield weighted_sum([model[here] for model in models], coefficients)
