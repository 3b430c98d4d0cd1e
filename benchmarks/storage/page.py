"""The page ``docs/benchmarks/storage.md``: figures between its markers; the rest is people's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.measure import mebibytes, megabytes, seconds
from benchmarks.storage.figures import Figure, Results, best_size
from benchmarks.storage.trial import Outcome

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "benchmarks"
PAGE = FOLDER / "storage.md"
RESULTS = FOLDER / "storage.json"
BEGIN = "<!-- begin: written by python -m benchmarks.storage -->"

TITLES = {
    "history": "Five checkpoints in every tool",
    "pairs": "One version and its base",
    "speed": "The codec for a model alone",
    "versions": "Four versions of a generated model",
    "commit": "Time of a commit",
    "depth": "A chain of deltas",
}
#: A part's pictures, and what they show to who can't see them.
PICTURES = {
    "history": {
        "history-size.svg": "Bars: bytes that five checkpoints take in each tool",
        "history-growth.svg": "Lines: bytes in each tool after one to five checkpoints",
    },
    "pairs": {"pairs.svg": "Bars: bytes of a version after its base, in mvc and with BitX"},
    "versions": {"versions.svg": "Bars: bytes, seconds and memory of each tool at four versions"},
}


def write(results: Results, page: Path = PAGE) -> None:
    """Put the results between the page's markers."""
    report.put(page, BEGIN, body(results))


def body(results: Results) -> str:
    parts = ["## The family", _family(results.family)]
    for part, title in TITLES.items():
        if part not in results.figures:
            continue
        parts += [f"## {title}", results.conditions[part], table(results.figures[part])]
        for name, words in PICTURES.get(part, {}).items():
            parts.append(f"![{words}]({name})")
        if part in results.histories:
            parts += [tools(results.histories[part]), _failures(results.histories[part])]
    return "\n\n".join(part for part in parts if part)


def table(figures: Sequence[Figure]) -> str:
    """The figures against their bars, as Markdown."""
    lines = [
        "| what | measured | against | ratio | bar | stretch | |",
        "| --- | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for one in figures:
        ratio = f"{one.value:.4f}" if one.value < 1.1 and not one.rounds else f"{one.value:.2f}"
        if one.rounds:
            ratio += f" ({one.rounds[0]:.2f} to {one.rounds[-1]:.2f})"
        bars = [f"≤ {bar:.4g}" if bar is not None else "" for bar in (one.bar, one.stretch)]
        cells = [one.what, one.ours, one.reference, ratio, *bars, one.verdict]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def tools(outcomes: Sequence[Outcome]) -> str:
    """What each tool took, the smallest first."""
    ran = sorted((one for one in outcomes if one.ran), key=best_size)
    if not ran:
        return ""
    count = len(ran[0].sizes)
    numbers = [f"after {number}" for number in range(1, count + 1)]
    head = ["tool", *numbers, "cleaned up", f"commit {count}", "checkout", "peak memory"]
    lines = [f"| {' | '.join(head)} |", f"| --- |{' ---: |' * (len(head) - 1)}"]
    for one in ran:
        cells = [
            one.name,
            *map(megabytes, one.sizes),
            megabytes(one.tidied) if one.tidied is not None else "",
            seconds(one.seconds[-1]),
            seconds(one.restore_seconds),
            mebibytes(max(*one.peaks, one.restore_peak)),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _failures(outcomes: Sequence[Outcome]) -> str:
    failed = [one for one in outcomes if one.failed]
    if not failed:
        return ""
    lines = [f"- {one.name}: {one.failed.rstrip('.')}." for one in failed]
    return "\n".join(["Not counted:\n", *lines])


def _family(family: Sequence[dict[str, Any]]) -> str:
    lines = [
        "| member | what it is | MB | parent | elements changed | relative L2 |",
        "| --- | --- | ---: | --- | ---: | ---: |",
    ]
    for one in family:
        changed = "" if one["changed"] is None else f"{100 * one['changed']:.2f} %"
        distance = "" if one["relative_l2"] is None else f"{one['relative_l2']:.5f}"
        cells = [one["name"], one["what"], f"{one['bytes'] / 1e6:.1f}", one["parent"]]
        lines.append(f"| {' | '.join([*cells, changed, distance])} |")
    return "\n".join(lines)
