"""Rounds of a measurement over seeds: their mean and Student's interval, as a line of a table."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from compress.evaluation.intervals import interval


def options(text: str | None) -> argparse.ArgumentParser:
    """What every script here understands."""
    parser = argparse.ArgumentParser(description=(text or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--seeds", type=int, default=3, help="calibration seeds")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--judged", type=int, default=10, help="sequences of 256 tokens")
    parser.add_argument("--samples", type=int, default=16, help="sequences of 256 tokens")
    return parser


def line(name: str, rounds: Sequence[Mapping[str, float]], columns: Sequence[str]) -> str:
    """``| name | 43.8 ± 1.2 | … |``."""
    cells = []
    for column in columns:
        values = [of[column] for of in rounds]
        found = interval(values)
        spread = f" ± {found.high - found.mean:.2g}" if len(values) > 1 else ""
        cells.append(f"{found.mean:.4g}{spread}")
    return f"| {name} | {' | '.join(cells)} |"


def head(columns: Sequence[str]) -> str:
    """The first two lines of the table."""
    return f"| | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}"


def folder() -> TemporaryDirectory[str]:
    """Where a repository may lie for the time of a measurement."""
    place = Path(__file__).parents[2] / ".cache"
    place.mkdir(exist_ok=True)
    return TemporaryDirectory(prefix="compression-", dir=place)
