"""What ten thousand commits do to the next one, to ``status`` and ``log -n1``, and to the disk.

``python -m benchmarks.history``. Commits are made in one process, as a training run makes them, and the
commands in processes of their own. Both are tried by turns in the old repository and in a young one of a
hundred commits: making the old one takes too long for its beginning to be compared with its end. ``--size``
scales the number of commits: 10,000 at one gigabyte.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

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
from benchmarks.scratch import GIGABYTE, Setting

COMMITS = 10_000
#: As many are in the young repository, and are then added to both; of a shorter history a quarter.
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
    make(old, count)
    what = f"{count:,} commits"
    title = f"commit after {what} : after {end}"
    rows = [compared(title, commits({"old": old, "young": young}, end), "old", "young", FLAT)]
    for words in (["status"], ["log", "-n1"]):

        def timed(folder: Path, words: list[str] = words) -> Contender:
            return lambda: run([*mvc(), *words], folder).wall

        times = alternate({"old": timed(old), "young": timed(young)}, max(where.rounds, 15))
        title = f"`mvc {' '.join(words)}` after {what} : after {end}"
        rows.append(compared(title, times, "old", "young", FLAT))
    changed = _MODEL + (count + end - 1) * _TENSOR
    for title, taken_up in (
        (f"`.mvc` after {what}, bytes : what changed", size_of(old / ".mvc")),
        (f"`.mvc` after {what}, on disk : what changed", disk_of(old / ".mvc")),
    ):
        rows.append(Row(title, megabytes(taken_up), megabytes(changed), taken_up / changed, SPACE))
    return rows


def make(folder: Path, count: int) -> None:
    """A repository of ``count`` commits."""
    _commits("make", str(fresh(folder)), str(count))


def commits(folders: Mapping[str, Path], count: int) -> dict[str, list[float]]:
    """The seconds that each of so many further commits took in each repository, by turns."""
    done = _commits("turns", str(count), *map(str, folders.values()))
    found: list[list[float]] = json.loads(done)
    return dict(zip(folders, found, strict=True))


def _commits(*words: str) -> str:
    command = [sys.executable, "-m", "benchmarks.commits", *words]
    root = Path(__file__).parent.parent
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout


def disk_of(folder: Path) -> int:
    """Bytes of the blocks that all files and folders below take up."""
    entries = [folder, *folder.rglob("*")]
    return sum(getattr(entry.lstat(), "st_blocks", 0) * 512 for entry in entries)


if __name__ == "__main__":
    scratch.main(__doc__, measure)
