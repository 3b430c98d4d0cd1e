"""The tables of ``docs/benchmarks/index.md``, written between two markers; the words around them are people's.

What each script measured last is kept in ``docs/benchmarks/measured.json``, with when and where, so that one
of them can be run again without the others.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.measure import Row
from mvc.version import VERSION

_FOLDER = Path(__file__).parent.parent / "docs" / "benchmarks"
PAGE = _FOLDER / "index.md"
MEASURED = _FOLDER / "measured.json"
BEGIN = "<!-- begin: written by python -m benchmarks -->"
END = "<!-- end -->"
#: The scripts in the order of the page, by the names of their modules.
TITLES = {
    "first_commit": "First commit and store",
    "checkout": "Checkout",
    "memory": "Memory",
    "startup": "Start-up",
    "one_change": "One change",
    "many_tensors": "Many tensors",
    "history": "Many commits",
    "hook": "The weight-hash hook",
    "numeric_diff": "Differences in numbers",
    "merging": "Merges by a strategy",
    "one_sided": "A merge that one side decides",
    "bisection": "The search for a step",
}


def write(name: str, rows: Sequence[Row], conditions: str) -> None:
    """Keep what the script ``name`` measured, in place of what it did before, and write the page."""
    measured = json.loads(MEASURED.read_text(encoding="utf-8")) if MEASURED.exists() else {}
    measured[name] = {"where": where(conditions), "rows": [asdict(row) for row in rows]}
    text = json.dumps(measured, indent=1, sort_keys=True)
    MEASURED.write_text(text + "\n", encoding="utf-8")
    put(PAGE, BEGIN, "\n\n".join(_sections(measured)))


def put(page: Path, begin: str, body: str) -> None:
    """Write ``body`` into a page, between the marker ``begin`` and ``END``."""
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{begin}\n\n{body}\n\n{END}{after}", encoding="utf-8")


def _sections(measured: dict[str, dict[str, object]]) -> Iterable[str]:
    for name, title in TITLES.items():
        if found := measured.get(name):
            rows = found["rows"]
            assert isinstance(rows, list)
            read = [Row(**{**row, "rounds": tuple(row["rounds"])}) for row in rows]
            yield f"### {title}\n\n{found['where']}\n\n{table(read)}"


def table(rows: Sequence[Row]) -> str:
    """The rows as Markdown."""
    lines = [
        "| what | measured | against | ratio (rounds) | bar | |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for row in rows:
        ratio = format(row.value, row.form)
        if row.rounds:
            ratio += f" ({row.rounds[0]:.2f} to {row.rounds[-1]:.2f})"
        bar = "" if row.bar is None else f"≤ {row.bar:g}"
        lines.append(
            f"| {row.what} | {row.ours} | {row.reference} | {ratio} | {bar} | {row.verdict} |"
        )
    return "\n".join(lines)


def where(conditions: str) -> str:
    """When, on what and with what something was measured, and how."""
    when = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    versions = [f"mvc {VERSION}", f"Python {platform.python_version()}"]
    versions += [
        found
        for command in (["git", "--version"], ["git", "lfs", "version"])
        if (found := _first(command))
    ]
    return f"{when}. {_machine()}. {', '.join(versions)}. {conditions}"


def _machine() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    parts = [f"{cores} cores", _field("/proc/cpuinfo", "model name") or platform.processor()]
    memory = _field("/proc/meminfo", "MemTotal")
    if memory:
        parts.append(f"{round(int(memory.split()[0]) / 1024**2)} GiB of memory")
    parts.append(f"{platform.system()} {platform.release().split('-')[0]}")
    return ", ".join(part for part in parts if part)


def _field(file: str, name: str) -> str | None:
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), None)


def _first(command: Sequence[str]) -> str | None:
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.split("\n", maxsplit=1)[0].split(" (")[0]
