"""The figures that are compared with the bars, and their form as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measure import megabytes, seconds
from benchmarks.storage.trial import Outcome


@dataclass(frozen=True, slots=True)
class Figure:
    """``value`` = ours : reference, to be at most ``bar``, better ``stretch``; None for orientation only."""

    what: str
    ours: str
    reference: str
    value: float
    bar: float | None = None
    stretch: float | None = None
    rounds: tuple[float, ...] = field(default=())

    @property
    def verdict(self) -> str:
        if self.bar is None and self.stretch is None:
            return ""
        if self.stretch is not None and self.value <= self.stretch:
            return "stretch met"
        if self.bar is None:
            return "stretch missed"
        return "met" if self.value <= self.bar else "**missed**"


def of_bytes(
    what: str, ours: float, other: float, bar: float | None = None, stretch: float | None = None
) -> Figure:
    return Figure(what, megabytes(ours), megabytes(other), ours / other, bar, stretch)


def of_times(
    what: str,
    ours: Sequence[float],
    other: Sequence[float],
    bar: float | None = None,
    stretch: float | None = None,
) -> Figure:
    """The median of the rounds' ratios."""
    ratios = tuple(sorted(a / b for a, b in zip(ours, other, strict=True)))
    shown = seconds(median(ours)), seconds(median(other))
    return Figure(what, *shown, median(ratios), bar, stretch, ratios)


@dataclass(frozen=True, slots=True)
class Results:
    """By part: when and where it was measured, its figures, and of a history what every tool did with it."""

    conditions: dict[str, str]
    family: list[dict[str, Any]]
    figures: dict[str, list[Figure]]
    histories: dict[str, list[Outcome]]

    def write(self, place: Path) -> None:
        place.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, place: Path) -> Results:
        told = json.loads(place.read_text("utf-8"))
        figures = {
            part: [Figure(**one | {"rounds": tuple(one["rounds"])}) for one in several]
            for part, several in told["figures"].items()
        }
        histories = {
            part: [_outcome(one) for one in several] for part, several in told["histories"].items()
        }
        return cls(told["conditions"], told["family"], figures, histories)


def _outcome(told: dict[str, Any]) -> Outcome:
    lists = {name: tuple(told[name]) for name in ("sizes", "seconds", "peaks")}
    return Outcome(**told | lists)


def rivals(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The tools but ours that kept what they were given, the smallest store first."""
    kept = [one for one in outcomes if one.counts and one.name != "mvc"]
    return sorted(kept, key=best_size)


def best_size(outcome: Outcome) -> int:
    """A store at its smallest: after the last version, or after it was cleaned up."""
    return min(outcome.sizes[-1], outcome.tidied or outcome.sizes[-1])


def ours(outcomes: Sequence[Outcome]) -> Outcome:
    return next(one for one in outcomes if one.name == "mvc")
