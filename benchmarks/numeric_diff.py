"""``diff`` of two models in which every tensor changed: with all numbers, and by name alone.

``python -m benchmarks.numeric_diff``. As two files outside of any repository, which have to be hashed, and
as two commits, which have to be decoded. ``--json`` prints the numbers of every tensor.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from statistics import median

from benchmarks import scratch
from benchmarks.measure import MIB, Row, Run, fresh, fresh_copy, mebibytes, mvc, run, seconds
from benchmarks.peers import MODEL
from benchmarks.scratch import Setting

NUMBERS, NAMES = 6.0, 0.3
MEMORY = 300 * MIB


def measure(where: Setting) -> list[Row]:
    old, _ = where.model()
    new = tuned(old, where.folder / "tuned.safetensors")
    folder = fresh(where.folder / "work")
    run([*mvc(), "init"], folder)
    for version in (old, new):
        fresh_copy(version, folder / MODEL)
        run([*mvc(), "add", MODEL], folder)
        run([*mvc(), "commit", "-m", "next"], folder)
    sides = {
        "two files": ["--no-index", str(old), str(new)],
        "two commits": ["HEAD~1", "HEAD"],
    }
    rows = []
    for what, words in sides.items():
        numbers = _runs([*mvc(), "diff", "--json", *words], folder, where.rounds)
        names = _runs([*mvc(), "diff", "--name-only", *words], folder, where.rounds)
        rows += [
            _row(f"`diff` of {what}, all numbers : bar", numbers, NUMBERS),
            _row(f"`diff --name-only` of {what} : bar", names, NAMES),
        ]
        peak = max(one.peak for one in numbers)
        shown = mebibytes(peak), mebibytes(MEMORY)
        rows.append(Row(f"peak memory of `diff` of {what} : bar", *shown, peak / MEMORY, 1.0))
    return rows


def tuned(model: Path, place: Path, seed: int = 0) -> Path:
    """The model after some training, written by a process of its own."""
    command = [sys.executable, "-m", "benchmarks.tuned", str(model), str(place), f"--seed={seed}"]
    subprocess.run(command, cwd=Path(__file__).parent.parent, check=True)
    return place


def _runs(command: list[str], folder: Path, rounds: int) -> list[Run]:
    return [run(command, folder) for _ in range(rounds)]


def _row(what: str, runs: list[Run], bar: float) -> Row:
    times = sorted(one.wall for one in runs)
    taken = median(times)
    return Row(
        what, seconds(taken), seconds(bar), taken / bar, 1.0, rounds=tuple(t / bar for t in times)
    )


if __name__ == "__main__":
    scratch.main(__doc__, measure, rounds=3)
