"""Compression beside the reference: figures are taken once, bars held seed by seed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.compression import bars, page, rounds
from benchmarks.compression.rounds import Kept, Settings

OTHER = "Wanda, 50 %, llm-compressor"
PRUNED = {
    "dense": {"perplexity": 18.0},
    "magnitude, 50 %": {"perplexity": 500.0},
    "Wanda, 50 %|1": {"perplexity": 40.0},
    f"{OTHER}|1": {"perplexity": 20.0},
    "Wanda, 50 %|2": {"perplexity": 30.0},
    f"{OTHER}|2": {"perplexity": 30.0},
    "SparseGPT, 50 %|1": {"perplexity": 36.0},
}


def test_a_figure_is_taken_once_and_known_after_a_restart(tmp_path: Path) -> None:
    taken: list[str] = []

    def made() -> dict[str, float]:
        taken.append("once")
        return {"perplexity": 3.0}

    for _ in range(2):
        kept = Kept("prune", Settings(), tmp_path)
        kept.take("Wanda|1", made)
        assert kept.found == {"Wanda|1": {"perplexity": 3.0}}
    assert taken == ["once"]
    kept.forget("Wanda|*")
    again = Kept("prune", Settings(), tmp_path, only="W*")
    again.take("SparseGPT|1", made)  # not asked for
    again.take("Wanda|1", made)
    assert again.found == {"Wanda|1": {"perplexity": 3.0}}
    assert taken == ["once", "once"]


def test_figures_of_other_settings_are_not_mixed(tmp_path: Path) -> None:
    Kept("prune", Settings(), tmp_path).take("dense", lambda: {"perplexity": 3.0})
    with pytest.raises(SystemExit, match="other settings"):
        Kept("prune", Settings(samples=4), tmp_path)


def test_a_ratio_to_the_reference_is_the_mean_of_each_seeds_own() -> None:
    found = rounds.ways(PRUNED)
    times = rounds.ratio(found["Wanda, 50 %"], found[OTHER], "perplexity")
    assert times.mean == 1.5
    assert times.low < 1 < times.high  # of two seeds


def test_bars_are_held_and_what_is_not_measured_says_so() -> None:
    found = {bar.what: bar for bar in bars.of("prune", PRUNED)}
    assert found[f"perplexity of Wanda, 50 % : {OTHER}"].verdict == "**missed**"
    order = found["perplexity: SparseGPT, 50 % < Wanda, 50 % < magnitude, 50 %"]
    assert (order.measured, order.met) == ("36, 35, 500", False)
    alone = found["perplexity of SparseGPT, 50 % : SparseGPT, 50 %, llm-compressor"]
    assert alone.verdict == "not measured"


def test_the_page_says_what_was_measured() -> None:
    results = json.loads(page.RESULTS.read_text("utf-8"))
    assert page.body(results) in page.PAGE.read_text("utf-8")
