"""The page ``docs/benchmarks/compression.md``: figures between its markers; the rest is people's.

The same figures lie beside it as JSON, so that the page can be written again without measuring.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.compression import bars
from benchmarks.compression.bars import Bar
from benchmarks.compression.peer import PACKAGES
from benchmarks.compression.rounds import WORK, Settings, table, ways
from compress.environment import versions

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "benchmarks"
PAGE = FOLDER / "compression.md"
RESULTS = FOLDER / "compression.json"
BEGIN = "<!-- begin: written by python -m benchmarks.compression -->"
TITLES = {
    "prune": "Half of the weights",
    "quantize": "Four bits in groups of 64",
    "factor": "Four fifths of the parameters",
    "heal": "Healing",
}
PARTS = tuple(TITLES)
#: Scripts of their own: what their table is called, and what is asked of it.
TABLES = {
    "chain": ("A chain of ten steps in the store", "All of it: at most 0.30 of the raw sum."),
    "bisecting": (
        "Which step, which layer",
        "At most 5 tests each, and the guard alone refuses the bad step; what it said is below.",
    ),
    "large": ("Memory of a step on a model of 7B's shape", "At most 12 GiB, and flat in blocks."),
}
_QUALITY = ("perplexity", "kl", "agreement")
_COLUMNS = {
    "prune": (*_QUALITY, "zeros"),
    "quantize": _QUALITY,
    "factor": (*_QUALITY, "share of bytes"),
    "heal": ("perplexity", "kl", "recovered", "minutes", "heals kept", "zeros opened"),
}


def gathered(folder: Path = WORK) -> dict[str, Any]:
    """What was measured so far, of every part, and where."""
    results: dict[str, Any] = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    for part in PARTS:
        file = folder / f"{part}.json"
        said = json.loads(file.read_text("utf-8")) if file.exists() else {"found": {}}
        if said["found"] and said["found"] != results.get(part, {}).get("found"):
            conditions = f"{Settings(**said['settings']).words()} {_with()}."
            results[part] = {"where": report.where(conditions), "found": said["found"]}
    return results


def tell(name: str, lines: Sequence[str], conditions: str) -> None:
    """Keep the table that the script ``name`` made, as far as it is, and write the page."""
    results = gathered()
    told = {"where": report.where(f"{conditions} {_with()}."), "table": "\n".join(lines)}
    write({**results, name: told})


def write(results: Mapping[str, Any]) -> None:
    """Keep the results, and put them between the page's markers."""
    text = json.dumps(results, indent=1, ensure_ascii=False)
    RESULTS.write_text(text + "\n", "utf-8")
    report.put(PAGE, BEGIN, body(results))


def body(results: Mapping[str, Any]) -> str:
    """Of each part its bars and its figures, then the tables of other scripts."""
    parts: list[str] = []
    for part, title in TITLES.items():
        if part in results:
            found = results[part]["found"]
            seeds = len({seed for way in ways(found).values() for seed in way if seed})
            drawn = f" {seeds} calibration seed{'' if seeds == 1 else 's'}." if seeds else ""
            parts += [f"## {title}", results[part]["where"] + drawn]
            parts += [verdicts(bars.of(part, found)), table(found, _COLUMNS[part])]
    for name, (title, bar) in TABLES.items():
        if name in results:
            parts += [f"## {title}", f"{results[name]['where']} {bar}", results[name]["table"]]
    return "\n\n".join(parts)


def _with() -> str:
    libraries = {**versions(), **dict(one.split("==") for one in PACKAGES[:1])}
    return ", ".join(f"{name} {number}" for name, number in libraries.items())


def verdicts(of: Sequence[Bar]) -> str:
    """The figures against their bars, as Markdown."""
    lines = ["| what | measured | bar | |", "| --- | ---: | ---: | --- |"]
    for bar in of:
        lines.append(f"| {bar.what} | {bar.measured} | {bar.bar} | {bar.verdict} |")
    return "\n".join(lines)
