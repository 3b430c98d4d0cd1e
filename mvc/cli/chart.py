"""A metric over history: where its points and ticks are, and the drawing in plain characters."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from mvc.cli.output import quoted
from mvc.values import dataclass

_HEIGHT = 12
#: Between two larger ones there is no number that says how far they are apart.
_LARGEST = 1e307


@dataclass(frozen=True, slots=True)
class Chart:
    """``values`` and ``labels`` (a commit each) from the oldest on; None where nobody measured it."""

    name: str
    values: tuple[float | None, ...]
    labels: tuple[str, ...]

    @property
    def finite(self) -> list[tuple[int, float]]:
        """Position and value of each point that can be drawn."""
        return [
            (at, value)
            for at, value in enumerate(self.values)
            if value is not None and abs(value) <= _LARGEST
        ]

    def ticks(self, count: int = 5) -> list[float]:
        """Round numbers from below the lowest to above the highest value, about ``count``."""
        low, high = self._extent()
        step = _round((high - low) / max(count - 1, 1))
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        return [number * step for number in range(first, last + 1)]

    def _extent(self) -> tuple[float, float]:
        values = [value for _, value in self.finite] or [0.0]
        low, high = min(values), max(values)
        if high - low > 1e-12 * max(abs(low), abs(high)):
            return low, high
        room = abs(low) * 0.01 or 1.0
        return low - room, high + room

    def summary(self) -> Iterator[str]:
        """Where it was lowest, highest, and what it is now."""
        points = self.finite
        if not points:
            return
        for what, (at, value) in (
            ("lowest", min(points, key=lambda point: point[1])),
            ("highest", max(points, key=lambda point: point[1])),
            ("last", points[-1]),
        ):
            yield f"{what:<8}{value:<12g} {self.labels[at]}"


def number(value: float) -> str:
    """A tick, without the noise of its last digits."""
    return f"{value:.6g}"


def lines(chart: Chart, width: int, height: int = _HEIGHT) -> Iterator[str]:
    """The drawing, ``width`` characters wide, and what it shows in words."""
    ticks = chart.ticks(4)
    low, high = ticks[0], ticks[-1]
    rows = {round((tick - low) / (high - low) * (height - 1)): number(tick) for tick in ticks}
    margin = max(map(len, rows.values()))
    columns = max(width - margin - 3, 10)
    cells = _cells(chart, low, high, columns, height)
    measured = len(chart.finite)
    yield f"{quoted(chart.name)} of {measured} of {len(chart.values)} commits, oldest first"
    yield ""
    for row in range(height - 1, -1, -1):
        text = "".join("*" if (column, row) in cells else " " for column in range(columns))
        yield f"{rows.get(row, ''):>{margin}} | {text}".rstrip()
    yield f"{'':>{margin}} +-{'-' * columns}"
    yield ""
    yield from map(quoted, chart.summary())


def _cells(
    chart: Chart, low: float, high: float, columns: int, height: int
) -> set[tuple[int, int]]:
    last = max(len(chart.values) - 1, 1)
    return {
        (round(at / last * (columns - 1)), round((value - low) / (high - low) * (height - 1)))
        for at, value in chart.finite
    }


def _round(step: float) -> float:
    """The next of 1, 2, 5, 10, 20 … that is no smaller."""
    power = 10.0 ** math.floor(math.log10(step))
    choices: Sequence[float] = (1, 2, 5, 10)
    return next(one * power for one in choices if one * power >= step * (1 - 1e-9))
