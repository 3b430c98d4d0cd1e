"""The folder that a benchmark works in, the models in it, and the options that all scripts share."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import report
from benchmarks.measure import Row, size_of
from benchmarks.model import SEED
from benchmarks.peers import MODEL

GIGABYTE = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Setting:
    """Where to work, how large the model is, and how often to repeat."""

    folder: Path
    size: int
    rounds: int

    def model(self, size: int | None = None) -> tuple[Path, float]:
        """The generated model and its order-0 bound in bytes; made once for each size."""
        wanted = size or self.size
        place = self.folder / f"model-{wanted}" / MODEL
        facts = place.with_suffix(".json")
        if not facts.exists():
            place.parent.mkdir(parents=True)
            facts.write_text(generate(place, wanted), encoding="utf-8")
        return place, json.loads(facts.read_text(encoding="utf-8"))["bound"]


def generate(place: Path, size: int, seed: int = SEED) -> str:
    """Write a model in a process of its own; what it says about it."""
    options = ["--size", str(size), "--seed", str(seed)]
    command = [sys.executable, "-m", "benchmarks.model", str(place), *options]
    root = Path(__file__).parent.parent
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout


def options(description: str, rounds: int = 7) -> argparse.ArgumentParser:
    """The options that all scripts share."""
    parser = argparse.ArgumentParser(description=description.split("\n", maxsplit=1)[0])
    parser.add_argument(
        "--scratch", type=Path, help="folder to work in, on the disk to be measured"
    )
    parser.add_argument("--size", type=float, default=GIGABYTE, help="bytes of the model, about")
    parser.add_argument("--rounds", type=int, default=rounds, help="times each contender runs")
    return parser


@contextmanager
def setting(arguments: argparse.Namespace) -> Iterator[Setting]:
    """The setting that the options ask for; its folder is gone afterwards."""
    if arguments.scratch:
        arguments.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="mvc-bench-", dir=arguments.scratch) as folder:
        yield Setting(Path(folder), int(arguments.size), arguments.rounds)


def record(module: str, where: Setting, rows: list[Row]) -> None:
    """Put what a script measured into the page."""
    conditions = f"Size: {where.size / 1e9:g} GB; {where.rounds} rounds or more."
    report.write(module.rpartition(".")[2], rows, conditions)


def main(description: str, measure: Callable[[Setting], list[Row]], rounds: int = 7) -> None:
    """Run one script by itself."""
    parser = options(description, rounds)
    parser.add_argument("--record", action="store_true", help="write the table in docs/benchmarks")
    arguments = parser.parse_args()
    with setting(arguments) as where:
        rows = measure(where)
        if arguments.record:
            record(Path(sys.argv[0]).stem, where, rows)
        for row in rows:
            spread = f"   {row.rounds[0]:.2f} to {row.rounds[-1]:.2f}" if row.rounds else ""
            bar = "" if row.bar is None else f"   bar {row.bar:g}: {row.verdict.strip('*')}"
            value = format(row.value, row.form)
            print(f"{row.what}: {row.ours} : {row.reference} = {value}{spread}{bar}")
        print(f"(left in scratch at the end: {size_of(where.folder) / 1e9:.1f} GB, now removed)")
