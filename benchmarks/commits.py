"""Commits of one changed tensor after another, in one process: ``python -m benchmarks.commits``.

A model of eight BF16 tensors of 64 KiB; each commit draws one of them anew. ``make FOLDER COUNT`` begins a
repository with so many commits; ``turns COUNT FOLDER…`` adds as many to each of several by turns, and prints
the seconds that ``add`` and ``commit`` of each took, as JSON. A size at the small end: what a commit costs
besides its tensor weighs the most there.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import mvc
from benchmarks.peers import MODEL
from benchmarks.uniform import values, write

TENSORS = 8
SIZE = 64 * 1024


def begin(folder: Path, count: int) -> None:
    """A repository of so many commits; the first is of the whole model."""
    with (folder / MODEL).open("wb") as file:
        write(file, TENSORS, SIZE)
    mvc.init(str(folder))
    for number in range(count):
        commit(folder, number)


def by_turns(count: int, folders: list[Path]) -> list[list[float]]:
    """Seconds of each further commit in each of the repositories, one after the other."""
    lengths = [sum(1 for _ in mvc.open(str(folder)).log()) for folder in folders]
    taken: list[list[float]] = [[] for _ in folders]
    for turn in range(count):
        for folder, length, seconds in zip(folders, lengths, taken, strict=True):
            seconds.append(commit(folder, length + turn))
    return taken


def commit(folder: Path, number: int) -> float:
    """Draw one tensor anew and commit it; the seconds of ``add`` and ``commit``."""
    place = folder / MODEL
    data = place.stat().st_size - TENSORS * SIZE
    with place.open("r+b") as file:
        file.seek(data + number % TENSORS * SIZE)
        file.write(values((number, 1), SIZE).data)
    started = time.perf_counter()
    repository = mvc.open(str(folder), who=("Benchmark", "benchmark@example.com"))
    repository.add([MODEL])
    repository.commit(f"step {number}")
    return time.perf_counter() - started


def main(arguments: list[str]) -> None:
    match arguments:
        case ["make", folder, count]:
            begin(Path(folder), int(count))
        case ["turns", count, *folders]:
            print(json.dumps(by_turns(int(count), [Path(folder) for folder in folders])))


if __name__ == "__main__":
    main(sys.argv[1:])
