"""How a command's time and memory are taken, and how two commands are compared.

Contenders take turns within a round, each round starting with another, so that what the machine does besides
hits all alike. A ratio is the median of the rounds' ratios. Each run has what it needs made anew, and begins
with nothing left to write back.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

MIB = 1024 * 1024

#: Makes what a run needs, runs it and takes the time, in seconds.
Contender = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the report: ``value`` against ``bar``, which it must not pass; None is for reference."""

    what: str
    ours: str
    reference: str
    value: float
    bar: float | None = None
    form: str = ".2f"
    rounds: tuple[float, ...] = field(default=())

    @property
    def verdict(self) -> str:
        if self.bar is None:
            return ""
        return "met" if self.value <= self.bar else "**missed**"


@dataclass(frozen=True, slots=True)
class Run:
    """Wall and processor seconds of a finished command, and its largest resident set in bytes."""

    wall: float
    cpu: float
    peak: int


def run(
    command: Sequence[str | Path], folder: Path, environment: Mapping[str, str] | None = None
) -> Run:
    """Run a command to its end.

    Raises:
        RuntimeError: it failed; with its output.
    """
    # The largest resident set of a process includes that of the one it was forked from: this one
    # must stay small, so nothing here imports NumPy.
    with tempfile.TemporaryFile() as sink:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=environment or clean(), stdout=sink, stderr=sink
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sink.seek(0)
            words = " ".join(map(str, command))
            raise RuntimeError(f"{words} failed:\n{sink.read().decode(errors='replace')}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def clean() -> dict[str, str]:
    """An environment with an author, and without the user's Git configuration."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    person = {"NAME": "Benchmark", "EMAIL": "benchmark@example.com"}
    for role in ("AUTHOR", "COMMITTER"):
        kept.update({f"GIT_{role}_{key}": value for key, value in person.items()})
    return kept | {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "HOME": os.devnull}


def alternate(contenders: Mapping[str, Contender], rounds: int) -> dict[str, list[float]]:
    """Seconds of each contender in each round."""
    names = list(contenders)
    times: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            times[name].append(contenders[name]())
    return times


def compared(
    what: str, times: Mapping[str, list[float]], ours: str, other: str, bar: float | None
) -> Row:
    """The row for one contender's time as a multiple of another's."""
    ratios = tuple(sorted(a / b for a, b in zip(times[ours], times[other], strict=True)))
    show = seconds(median(times[ours])), seconds(median(times[other]))
    return Row(what, *show, median(ratios), bar, rounds=ratios)


def seconds(value: float) -> str:
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.0f} ms"


def megabytes(value: float) -> str:
    return f"{value / 1e6:,.1f} MB" if value >= 1e6 else f"{value / 1e3:.0f} kB"


def mebibytes(value: float) -> str:
    return f"{value / MIB:.0f} MiB"


def fresh(folder: Path) -> Path:
    """The folder, empty, with nothing of the past waiting to reach the disk."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    os.sync()
    return folder


def fresh_copy(source: Path, target: Path) -> Path:
    """A newly written copy, on disk and in the page cache."""
    shutil.copyfile(source, target)
    os.sync()
    return target


def size_of(folder: Path) -> int:
    """Bytes of all files below."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def mvc() -> list[str]:
    """The ``mvc`` command beside the interpreter that runs this."""
    beside = Path(sys.executable).parent / "mvc"
    return [str(beside)] if beside.exists() else [sys.executable, "-m", "mvc"]
