"""The pictures of the comparison: ``python -m benchmarks.storage.plots [RESULTS [FOLDER]]``.

``--png`` makes PNGs, to look at. Needs the extra ``bench``; runs by itself, as what measures must stay small.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.families.family import HISTORY
from benchmarks.storage.figures import Results, best_size
from benchmarks.storage.page import FOLDER, RESULTS
from benchmarks.storage.trial import Outcome

_OURS, _OTHERS, _FAINT = "#0b6e4f", "#8d99ae", "#d5d9e2"


def draw(results: Results, folder: Path, suffix: str = ".svg") -> list[Path]:
    """Write a picture for each part that was measured; their places."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    mpl.rcParams |= {"svg.hashsalt": "mvc", "font.size": 10, "axes.axisbelow": True}
    mpl.rcParams |= {"axes.spines.top": False, "axes.spines.right": False}
    pictures: dict[str, Callable[[Results, Any], Any]] = {}
    if "history" in results.histories:
        pictures |= {"history-size": _sizes, "history-growth": _growth}
    if "pairs" in results.figures:
        pictures["pairs"] = _pairs
    if "versions" in results.histories:
        pictures["versions"] = _versions
    made = []
    for name, picture in pictures.items():
        figure = picture(results, pyplot)
        place = folder / f"{name}{suffix}"
        figure.savefig(
            place,
            bbox_inches="tight",
            dpi=110,
            metadata={"Date": None} if suffix == ".svg" else None,
        )
        pyplot.close(figure)
        made.append(place)
    return made


def _ran(outcomes: Sequence[Outcome]) -> list[Outcome]:
    return sorted((one for one in outcomes if one.counts), key=best_size)


def _bars(axes: Any, labels: Sequence[str], values: Sequence[float], form: str) -> None:
    """Horizontal, the first on top, each with its number."""
    colours = [_OURS if label.startswith("mvc") else _OTHERS for label in labels]
    drawn = axes.barh(range(len(labels)), values, color=colours, height=0.7)
    axes.bar_label(drawn, labels=[form.format(value) for value in values], padding=3, fontsize=9)
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.set_xlim(0, max(values) * 1.18)
    axes.grid(axis="x", color=_FAINT, linewidth=0.6)
    axes.tick_params(length=0)


def _sizes(results: Results, pyplot: Any) -> Any:
    ran = _ran(results.histories["history"])
    rows = [(one.name, one.sizes[-1]) for one in ran]
    rows += [
        (f"{one.name}, cleaned up", one.tidied)
        for one in ran
        if one.tidied is not None and one.tidied < 0.98 * one.sizes[-1]
    ]
    rows.sort(key=lambda row: row[1])
    figure, axes = pyplot.subplots(figsize=(8, 0.4 * len(rows) + 1))
    _bars(axes, [name for name, _ in rows], [size / 1e6 for _, size in rows], "{:.1f}")
    raw = sum(one["bytes"] for one in results.family if one["name"] in HISTORY)
    axes.set_xlabel(f"MB after five BF16 checkpoints of one model ({raw / 1e6:.0f} MB raw)")
    return figure


def _growth(results: Results, pyplot: Any) -> Any:
    ran = sorted(_ran(results.histories["history"]), key=lambda one: one.sizes[-1])
    figure, axes = pyplot.subplots(figsize=(9, 5))
    heights: list[float] = []
    top = max(one.sizes[-1] for one in ran) / 1e6
    for one in reversed(ran):
        sizes = [size / 1e6 for size in one.sizes]
        mine = one.name == "mvc"
        style = {"color": _OURS, "linewidth": 2.6} if mine else {"color": _OTHERS, "linewidth": 1.2}
        axes.plot(
            range(1, len(sizes) + 1),
            sizes,
            marker="o",
            markersize=4,
            zorder=3 if mine else 2,
            **style,
        )
    for one in ran:  # names beside the ends, kept apart
        height = max(one.sizes[-1] / 1e6, heights[-1] + top / 24 if heights else 0)
        heights.append(height)
        last = len(one.sizes)
        colour = _OURS if one.name == "mvc" else "#3d4451"
        axes.annotate(
            one.name,
            (last, one.sizes[-1] / 1e6),
            (last + 0.15, height),
            va="center",
            fontsize=9,
            color=colour,
            arrowprops={"arrowstyle": "-", "color": _FAINT, "linewidth": 0.8, "shrinkB": 3},
        )
    axes.set_xlim(0.9, len(ran[0].sizes) + 1.9)
    axes.set_ylim(0)
    axes.set_xticks(range(1, len(ran[0].sizes) + 1))
    axes.set_xlabel("versions")
    axes.set_ylabel("MB in the store")
    axes.grid(axis="y", color=_FAINT, linewidth=0.6)
    return figure


def _pairs(results: Results, pyplot: Any) -> Any:
    found: dict[str, dict[str, float]] = {}
    for one in results.figures["pairs"]:
        name, middle, against = one.what.partition(" after base : ")
        if middle:
            found.setdefault(name, {})[against] = one.value
    names = list(found)
    figure, axes = pyplot.subplots(figsize=(8, 0.75 * len(names) + 1))
    for shift, label, colour in ((-0.19, "mvc", _OURS), (0.19, "BitX", _OTHERS)):
        values = [
            100 * found[name]["raw"] / (found[name]["BitX"] if label == "BitX" else 1)
            for name in names
        ]
        places = [number + shift for number in range(len(names))]
        drawn = axes.barh(places, values, height=0.36, color=colour, label=label)
        axes.bar_label(drawn, labels=[f"{value:.2f}" for value in values], padding=3, fontsize=9)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlabel("% of the raw bytes of a version that follows its base")
    axes.grid(axis="x", color=_FAINT, linewidth=0.6)
    axes.tick_params(length=0)
    axes.legend(frameon=False)
    return figure


def _versions(results: Results, pyplot: Any) -> Any:
    ran = _ran(results.histories["versions"])
    panels: tuple[tuple[str, str, Callable[[Outcome], float]], ...] = (
        ("MB in the store", "{:,.0f}", lambda one: best_size(one) / 1e6),
        ("s, all commits", "{:.1f}", lambda one: sum(one.seconds)),
        ("MiB, peak memory", "{:,.0f}", lambda one: max(*one.peaks, one.restore_peak) / 2**20),
    )
    figure, several = pyplot.subplots(1, 3, figsize=(11, 0.36 * len(ran) + 1), sharey=True)
    for axes, (title, form, of) in zip(several, panels, strict=True):
        _bars(axes, [one.name for one in ran], [of(one) for one in ran], form)
        axes.set_xlabel(title)
    for axes in several[1:]:
        axes.invert_yaxis()  # shared: turned once is enough
    figure.tight_layout()
    return figure


if __name__ == "__main__":
    arguments = [word for word in sys.argv[1:] if word != "--png"]
    place = Path(arguments[0]) if arguments else RESULTS
    target = Path(arguments[1]) if len(arguments) > 1 else FOLDER
    for written in draw(Results.read(place), target, ".png" if "--png" in sys.argv else ".svg"):
        print(written)
