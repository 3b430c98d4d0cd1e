"""Commits of one changed tensor after another, in one process: ``python -m benchmarks.commits FOLDER COUNT``.

A new model of eight BF16 tensors of 64 KiB; each commit draws one of them anew. Prints the seconds that
``add`` and ``commit`` of each took, as JSON. A size at the small end: what a commit costs besides its tensor
weighs the most there.
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


def commit_many(folder: Path, count: int) -> list[float]:
    """Seconds of each commit; the first is of the whole model."""
    place = folder / MODEL
    with place.open("wb") as file:
        write(file, TENSORS, SIZE)
    data = place.stat().st_size - TENSORS * SIZE
    mvc.init(str(folder))
    taken = []
    for number in range(count):
        with place.open("r+b") as file:
            file.seek(data + number % TENSORS * SIZE)
            file.write(values((number, 1), SIZE).data)
        started = time.perf_counter()
        repository = mvc.open(str(folder), who=("Benchmark", "benchmark@example.com"))
        repository.add([MODEL])
        repository.commit(f"step {number}")
        taken.append(time.perf_counter() - started)
    return taken


if __name__ == "__main__":
    print(json.dumps(commit_many(Path(sys.argv[1]), int(sys.argv[2]))))
