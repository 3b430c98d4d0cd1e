"""A chart as lines, dots and texts on a sheet, whichever way these are drawn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from mvc.cli.chart import Chart, number
from mvc.values import dataclass

WIDTH, HEIGHT = 720, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 44, 40
#: Above so many commits dots would hide the line.
_DOTS = 120


@dataclass(frozen=True, slots=True)
class Line:
    """``kind`` is ``data`` or ``grid``."""

    points: tuple[tuple[float, float], ...]
    kind: Literal["data", "grid"]


@dataclass(frozen=True, slots=True)
class Dot:
    """A measured commit, and what to say about it."""

    x: float
    y: float
    says: str


@dataclass(frozen=True, slots=True)
class Text:
    """``y`` is the base line; ``anchor`` as in SVG."""

    x: float
    y: float
    text: str
    anchor: Literal["start", "middle", "end"]
    title: bool = False


def shapes(chart: Chart) -> Iterator[Line | Dot | Text]:
    """Everything on the sheet, from the back to the front."""
    ticks = chart.ticks()
    low, high = ticks[0], ticks[-1]
    last = max(len(chart.values) - 1, 1)

    def place(at: int, value: float) -> tuple[float, float]:
        x = _LEFT + (WIDTH - _LEFT - _RIGHT) * (at / last if len(chart.values) > 1 else 0.5)
        y = HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * (value - low) / (high - low)
        return round(x, 1), round(y, 1)

    yield Text(_LEFT, 24, chart.name, "start", title=True)
    for tick in ticks:
        _, y = place(0, tick)
        yield Line(((_LEFT, y), (WIDTH - _RIGHT, y)), "grid")
        yield Text(_LEFT - 8, y + 4, number(tick), "end")
    yield Text(_LEFT, HEIGHT - 14, _short(chart.labels[0]), "start")
    if len(chart.labels) > 1:
        yield Text(WIDTH - _RIGHT, HEIGHT - 14, _short(chart.labels[-1]), "end")
    points = [place(at, value) for at, value in chart.finite]
    if len(points) > 1:
        yield Line(tuple(points), "data")
    if len(points) <= _DOTS:
        for (at, value), (x, y) in zip(chart.finite, points, strict=True):
            yield Dot(x, y, f"{chart.labels[at]}: {number(value)}")


def _short(label: str) -> str:
    return label if len(label) <= 40 else f"{label[:39]}…"
