"""``bisect run --metric`` over 64 commits that change all of a model, with an evaluator of five seconds.

``python -m benchmarks.bisection``. ``--size`` scales the model: 400 MB at one gigabyte. The evaluator keeps one
core busy and notes its own time, from its first line to its last; what counts on top of that is all the rest:
choosing, checking out, starting, noting.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from statistics import median

from benchmarks import scratch
from benchmarks.measure import Row, clean, fresh, fresh_copy, mvc, run, seconds
from benchmarks.numeric_diff import tuned
from benchmarks.peers import MODEL
from benchmarks.scratch import Setting

COMMITS = 64
SECONDS = 5
EVALUATIONS = 7
TOTAL = 1.2
#: The first bad commit of each round: early, late, in between.
_BROKEN = (42, 3, 62, 23, 54, 11, 33)
#: Prints the loss of what is checked out here, and notes how long that took.
_EVALUATOR = f"""\
import time
began = time.time()
import sys
with open("step") as file:
    step = int(file.read())
while time.time() - began < {SECONDS}:
    sum(range(10000))
print(1.5 if step >= int(sys.argv[1]) else 1.0, flush=True)
with open(sys.argv[2], "a") as log:
    print(time.time() - began, file=log)
"""


def measure(where: Setting) -> list[Row]:
    work = history(where.folder / "work", where.model(where.size * 2 // 5)[0])
    ratios, counts, own = [], [], 0.0
    for number in range(where.rounds):
        taken, evaluations = search(work, _BROKEN[number % len(_BROKEN)], where.folder)
        ratios.append(taken / sum(evaluations))
        counts.append(len(evaluations))
        own += sum(evaluations) / where.rounds
    ratios.sort()
    ratio = median(ratios)
    tries = str(max(counts)), str(EVALUATIONS)
    return [
        Row(
            f"evaluations to find one of {COMMITS} commits : bar",
            *tries,
            max(counts) / EVALUATIONS,
            1.0,
        ),
        Row(
            "`bisect run` : its evaluations' own time",
            *(seconds(ratio * own), seconds(own)),
            ratio,
            TOTAL,
            rounds=tuple(ratios),
        ),
    ]


def history(folder: Path, model: Path) -> Path:
    """A repository with a first commit and ``COMMITS`` steps of training, which change every tensor."""
    run([*mvc(), "init"], fresh(folder))
    before, after = model, folder / "next"
    for number in range(COMMITS + 1):
        if number:
            os.replace(tuned(before, after, number), folder / MODEL)
        else:
            fresh_copy(model, folder / MODEL)
        before = folder / MODEL
        (folder / "step").write_text(f"{number}\n", encoding="utf-8")
        run([*mvc(), "add", MODEL, "step"], folder)
        run([*mvc(), "commit", "-m", f"step {number}"], folder)
    return folder


def search(work: Path, broken: int, scratch_folder: Path) -> tuple[float, list[float]]:
    """Find the commit that made the model worse; the seconds that took, and those of each evaluation.

    Raises:
        SystemExit: another commit was found.
    """
    evaluator, log = scratch_folder / "evaluate.py", scratch_folder / "evaluations"
    evaluator.write_text(_EVALUATOR, encoding="utf-8")
    log.write_text("", encoding="utf-8")
    words = ["--metric", "loss", "--max-increase", "3%", "--again", "--"]
    command = [sys.executable, str(evaluator), str(broken), str(log)]
    taken = run([*mvc(), "bisect", "start", "main", f"main~{COMMITS}"], work).wall
    taken += run([*mvc(), "bisect", "run", *words, *command], work).wall
    said = subprocess.run(
        [*mvc(), "bisect", "log"], cwd=work, env=clean(), check=True, capture_output=True, text=True
    ).stdout
    if not said.rstrip().endswith(f"step {broken}"):
        raise SystemExit(f"it was step {broken}, and bisect says\n{said}")
    run([*mvc(), "bisect", "reset"], work)
    return taken, [float(line) for line in log.read_text(encoding="utf-8").split()]


if __name__ == "__main__":
    scratch.main(__doc__, measure, rounds=3)
