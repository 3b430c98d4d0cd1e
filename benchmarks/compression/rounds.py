"""What was measured, kept in a file as it is made, and its rounds over seeds as lines of a table.

A figure is known by its way and, where something was drawn, its seed: ``SparseGPT, 50 %|2``. A run that was cut
off goes on, and measures nothing twice. Plain numbers; no framework.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import TemporaryDirectory

from compress.evaluation.intervals import Interval, interval
from mvc.values import dataclass

WORK = Path(__file__).resolve().parents[2] / ".cache" / "benchmarks" / "compression"
Values = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Settings:
    """``samples`` sequences calibrate, ``judged`` judge, ``learned`` heal, each of ``length`` tokens."""

    samples: int = 16
    judged: int = 10
    length: int = 256
    learned: int = 192
    threads: int = 2

    def words(self) -> str:
        """As a sentence of the page."""
        return (
            f"Calibrated on {self.samples} × {self.length} tokens, judged on {self.judged} × "
            f"{self.length}, {self.threads} thread{'s' if self.threads > 1 else ''}."
        )


class Kept:
    """The figures of one part of the benchmark, in ``<part>.json``, and under which settings they were taken.

    ``only``: a glob of the figures that are asked for.

    Raises:
        SystemExit: the file's were taken under other ones.
    """

    def __init__(self, part: str, settings: Settings, folder: Path = WORK, only: str = "*") -> None:
        self._file = folder / f"{part}.json"
        self._settings = asdict(settings)
        self._only = only
        self.found = self._read()

    def lacks(self, name: str) -> bool:
        """Whether ``name`` is asked for and not known."""
        return name not in self.found and fnmatchcase(name, self._only)

    def take(self, name: str, made: Callable[[], Values]) -> None:
        """Keep what ``made`` gives as the figures of ``name``, if they are not known."""
        if self.lacks(name):
            values = dict(made())
            # Another process may have measured others meanwhile.
            self.found = {**self._read(), name: values}
            self._write()
            told = ", ".join(f"{key} {value:.4g}" for key, value in self.found[name].items())
            print(f"{name}: {told}", flush=True)

    def forget(self, pattern: str) -> None:
        """Measure again what ``pattern``, a glob, names."""
        self.found = {n: v for n, v in self._read().items() if not fnmatchcase(n, pattern)}
        self._write()

    def _read(self) -> dict[str, Values]:
        if not self._file.exists():
            return {}
        said = json.loads(self._file.read_text("utf-8"))
        if said["settings"] != self._settings:
            raise SystemExit(f"{self._file} has figures of other settings: {said['settings']}")
        found: dict[str, Values] = said["found"]
        return found

    def _write(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        new = self._file.with_suffix(f".{os.getpid()}")
        new.write_text(json.dumps({"settings": self._settings, "found": self.found}, indent=1))
        new.replace(self._file)


class Lines(list[str]):
    """Lines of a table, printed as they come."""

    def say(self, line: str) -> None:
        """One more."""
        self.append(line)
        print(line, flush=True)


def folder() -> TemporaryDirectory[str]:
    """Where a repository may lie for the time of a measurement."""
    WORK.mkdir(parents=True, exist_ok=True)
    return TemporaryDirectory(prefix="repository-", dir=WORK)


def options(text: str | None) -> argparse.ArgumentParser:
    """What the script understands."""
    parser = argparse.ArgumentParser(description=(text or "").split("\n", maxsplit=1)[0])
    usual = Settings()
    parser.add_argument("--seeds", type=int, default=3, help="calibration seeds")
    parser.add_argument("--threads", type=int, default=usual.threads)
    parser.add_argument("--judged", type=int, default=usual.judged, help="sequences that judge")
    parser.add_argument("--samples", type=int, default=usual.samples, help="to calibrate on")
    parser.add_argument("--only", default="*", help="a glob of figures to measure")
    parser.add_argument("--again", default="", help="a glob of figures to measure anew")
    return parser


def ways(found: Mapping[str, Values]) -> dict[str, dict[str, Values]]:
    """Way → seed → figures, the dense model first; the seed of what draws nothing is ""."""
    ordered: dict[str, dict[str, Values]] = {"dense": {}} if "dense" in found else {}
    for name, values in found.items():
        way, _, seed = name.partition("|")
        ordered.setdefault(way, {})[seed] = values
    return ordered


def ratio(one: Mapping[str, Values], other: Mapping[str, Values], column: str) -> Interval:
    """Of ``column`` of one way to another, seed by seed, with Student's interval."""
    both = [seed for seed in one if seed in other]
    return interval([one[seed][column] / other[seed][column] for seed in both])


def mean(way: Mapping[str, Values], column: str) -> float:
    """Over the seeds."""
    return interval([values[column] for values in way.values()]).mean


def table(found: Mapping[str, Values], columns: Sequence[str]) -> str:
    """A line a way: ``| name | 43.8 ± 1.2 | … |``; the columns that nobody has are left out."""
    columns = [one for one in columns if any(one in values for values in found.values())]
    lines = [f"| | {' | '.join(columns)} |", f"| --- |{' ---: |' * len(columns)}"]
    for name, seeds in ways(found).items():
        cells = [_cell([v[column] for v in seeds.values() if column in v]) for column in columns]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def said(of: Interval) -> str:
    """``43.8 ± 1.2``; of one round the number alone."""
    reach = of.high - of.mean
    told = 1e-6 * abs(of.mean) < reach < float("inf")  # one round has no interval, rounding is none
    return f"{of.mean:.4g}" + (f" ± {reach:.2g}" if told else "")


def _cell(values: Sequence[float]) -> str:
    return said(interval(values)) if values else ""
