"""What ten thousand commits do to the next one, to ``status`` and ``log -n1``, and to the disk.

``python -m benchmarks.history``. Commits are made in one process, as a training run makes them; the commands
are processes of their own, tried in a young repository and in the old one by turns. ``--size`` scales the
number of commits: 10,000 at one gigabyte.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from statistics import median

from benchmarks import scratch
from benchmarks.measure import (
    Contender,
    Row,
    alternate,
    compared,
    fresh,
    megabytes,
    mvc,
    run,
    size_of,
)
from benchmarks.measure import seconds as shown
from benchmarks.scratch import GIGABYTE, Setting

COMMITS = 10_000
#: As many are compared at either end; of a shorter history a quarter.
_END = 100
FLAT = 1.2
SPACE = 2.0
#: Of the model in ``benchmarks.commits``.
_TENSOR = 64 * 1024
_MODEL = 8 * _TENSOR


def measure(where: Setting) -> list[Row]:
    count = max(40, round(COMMITS * where.size / GIGABYTE))
    end = min(_END, count // 4)
    young, old = where.folder / "young", where.folder / "old"
    make(young, end)
    taken = make(old, count)
    first, last = median(taken[1 : end + 1]), median(taken[-end:])
    what = f"{count:,} commits"
    rows = [
        Row(
            f"commit, the last {end} of {what} : the first {end}",
            shown(last),
            shown(first),
            last / first,
            FLAT,
        )
    ]
    for words in (["status"], ["log", "-n1"]):

        def timed(folder: Path, words: list[str] = words) -> Contender:
            return lambda: run([*mvc(), *words], folder).wall

        times = alternate({"old": timed(old), "young": timed(young)}, max(where.rounds, 15))
        title = f"`mvc {' '.join(words)}` after {what} : after {end}"
        rows.append(compared(title, times, "old", "young", FLAT))
    changed = _MODEL + (count - 1) * _TENSOR
    for title, taken_up in (
        (f"`.mvc` after {what}, bytes : what changed", size_of(old / ".mvc")),
        (f"`.mvc` after {what}, on disk : what changed", disk_of(old / ".mvc")),
    ):
        rows.append(Row(title, megabytes(taken_up), megabytes(changed), taken_up / changed, SPACE))
    return rows


def make(folder: Path, count: int) -> list[float]:
    """A repository of ``count`` commits; the seconds that each took."""
    command = [sys.executable, "-m", "benchmarks.commits", str(fresh(folder)), str(count)]
    root = Path(__file__).parent.parent
    done = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    found: list[float] = json.loads(done.stdout)
    return found


def disk_of(folder: Path) -> int:
    """Bytes of the blocks that all files and folders below take up."""
    entries = [folder, *folder.rglob("*")]
    return sum(getattr(entry.lstat(), "st_blocks", 0) * 512 for entry in entries)


if __name__ == "__main__":
    scratch.main(__doc__, measure)
