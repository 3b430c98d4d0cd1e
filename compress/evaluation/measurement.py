"""What was measured of a model: numbers, and what each sample says, so that two models compare in pairs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import field
from typing import Literal

from mvc.values import dataclass

#: metric → which way is better. A command's number is taken as one where lower is, unless said otherwise.
BETTER: dict[str, Literal["lower", "higher"]] = {
    "loss": "lower",
    "perplexity": "lower",
    "similarity": "higher",
    "agreement": "higher",
    "accuracy": "higher",
    "kl": "lower",
}
#: The metrics that are the mean over samples, and the one that is e to the power of another.
_OF_LOSS = "perplexity"


@dataclass(frozen=True, slots=True)
class Measurement:
    """``values`` by metric; ``each``: of those that are a mean over samples, the samples' values in order.

    ``higher``: metrics of a command of which more is better.
    """

    values: Mapping[str, float]
    each: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    higher: frozenset[str] = frozenset()

    def sign(self, metric: str) -> float:
        """What a growth of ``metric`` counts as: 1 where it is for the worse, -1 for the better."""
        better = "higher" if metric in self.higher else BETTER.get(metric, "lower")
        return -1.0 if better == "higher" else 1.0

    @staticmethod
    def of(each: Mapping[str, tuple[float, ...]]) -> Measurement:
        """The means of ``each``, and the perplexity of the loss."""
        values = {name: math.fsum(of) / len(of) for name, of in each.items()}
        if "loss" in values:
            values[_OF_LOSS] = math.exp(values["loss"]) if values["loss"] < 700 else math.inf
        return Measurement(values, each)

    def samples(self, metric: str) -> tuple[float, ...] | None:
        """The samples that ``metric`` is made of; of the perplexity those of the loss. None without any."""
        return self.each.get("loss" if metric == _OF_LOSS else metric)
