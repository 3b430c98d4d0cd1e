"""A file of 100,000 tensors: ``add`` and ``commit``, and ``diff`` of two such commits.

``python -m benchmarks.many_tensors``. Tensors of 512 bytes: nothing is paid for but their number. ``--size``
scales it: 100,000 at one gigabyte.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from statistics import median

from benchmarks import scratch
from benchmarks.measure import Row, fresh, fresh_copy, mvc, run, seconds
from benchmarks.peers import MODEL
from benchmarks.scratch import GIGABYTE, Setting

TENSORS = 100_000
_BYTES = 512
COMMIT = 20.0
DIFF = 3.0


def measure(where: Setting) -> list[Row]:
    count = max(1000, round(TENSORS * where.size / GIGABYTE))
    rounds = min(where.rounds, 5)
    base = generate(where.folder / "base.safetensors", count, 0)
    versions = {
        "one in 100 changed": generate(where.folder / "few.safetensors", count, 100),
        "all changed": generate(where.folder / "all.safetensors", count, 1),
    }
    commits: list[float] = []
    diffs: dict[str, list[float]] = {what: [] for what in versions}
    for _ in range(rounds):
        folder = fresh(where.folder / "work")
        run([*mvc(), "init"], folder)
        commits.append(commit(base, folder))
        for what, version in versions.items():
            commit(version, folder)
            diffs[what].append(run([*mvc(), "diff", "HEAD~1", "HEAD"], folder).wall)
    title = f"{count:,} tensors"
    rows = [_row(f"`add` + `commit` of {title}", commits, COMMIT)]
    rows += [
        _row(f"`diff` of two commits of {title}, {what}", times, DIFF)
        for what, times in diffs.items()
    ]
    return rows


def generate(place: Path, count: int, changed: int) -> Path:
    """The file, written by a process of its own."""
    command = [sys.executable, "-m", "benchmarks.uniform", str(place)]
    options = {"--tensors": count, "--bytes": _BYTES, "--changed": changed}
    words = [str(word) for option in options.items() for word in option]
    subprocess.run([*command, *words], cwd=Path(__file__).parent.parent, check=True)
    return place


def commit(version: Path, folder: Path) -> float:
    """Wall seconds of ``add`` and ``commit``."""
    fresh_copy(version, folder / MODEL)
    added = run([*mvc(), "add", MODEL], folder).wall
    return added + run([*mvc(), "commit", "-m", "next"], folder).wall


def _row(what: str, times: list[float], bar: float) -> Row:
    value = median(times)
    return Row(f"{what} : bar", seconds(value), seconds(bar), value / bar, 1.0)


if __name__ == "__main__":
    scratch.main(__doc__, measure)
