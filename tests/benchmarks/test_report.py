"""The report: verdicts by the bar, and a page of which only the marked part is written."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks import measure, report
from benchmarks.measure import Row


def test_a_value_at_its_bar_meets_it_and_one_above_misses_it() -> None:
    assert Row("x", "1", "1", 1.0, 1.0).verdict == "met"
    assert "missed" in Row("x", "1", "1", 1.001, 1.0).verdict
    assert Row("x", "1", "1", 9.0).verdict == ""


def test_a_ratio_is_the_median_of_the_rounds_ratios() -> None:
    times = {"ours": [1.0, 2.0, 30.0], "other": [2.0, 2.0, 10.0]}
    row = measure.compared("x", times, "ours", "other", 1.0)
    assert row.value == 1.0
    assert row.rounds == (0.5, 1.0, 3.0)


def test_contenders_take_turns_and_begin_in_turn() -> None:
    order: list[str] = []

    def contender(name: str) -> measure.Contender:
        return lambda: float(len(order.append(name) or order))

    times = measure.alternate({name: contender(name) for name in "abc"}, 3)
    assert "".join(order) == "abcbcacab"
    assert times["a"] == [1.0, 6.0, 8.0]


def test_a_script_replaces_its_own_table_and_leaves_the_others_and_the_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"words\n\n{report.BEGIN}\nold\n{report.END}\nmore words\n")
    monkeypatch.setattr(report, "PAGE", page)
    monkeypatch.setattr(report, "MEASURED", tmp_path / "measured.json")
    for script, what in (("memory", "first"), ("checkout", "other"), ("memory", "second")):
        rows = [Row(what, "1 s", "2 s", 0.5, 1.0, rounds=(0.4, 0.6))]
        report.write(script, rows, f"Conditions of {what}.")
    text = page.read_text()
    assert text.startswith("words\n\n") and text.endswith("\nmore words\n")
    assert "| second | 1 s | 2 s | 0.50 (0.40 to 0.60) | ≤ 1 | met |" in text
    assert "| other |" in text and "Conditions of other." in text
    assert "first" not in text and "old" not in text


def test_every_script_that_measures_has_a_place_on_the_page() -> None:
    from benchmarks.__main__ import ALONE, SCALE, USUAL

    measured = {module.__name__.rpartition(".")[2] for module in (*USUAL, *SCALE, *ALONE)}
    assert measured == set(report.TITLES)


@pytest.mark.skipif(sys.platform == "win32", reason="the benchmarks take memory from wait4")
def test_a_command_that_fails_is_an_error_with_its_output(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no such"):
        measure.run([sys.executable, "-c", "raise SystemExit('no such thing')"], tmp_path)
