"""``metric``, ``run``, ``plot`` and ``log --metrics`` at a terminal."""

from __future__ import annotations

import json
import struct
import sys
from xml.etree import ElementTree

import pytest
from cli.terminal import Terminal

from mvc.cli.chart import Chart, lines
from mvc.cli.chart_svg import svg

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def one(terminal: Terminal) -> Terminal:
    terminal.commit("one", m={"w": [1.0]})
    return terminal


def printing(text: str, code: int = 0) -> list[str]:
    return [sys.executable, "-c", f"print({text!r}); raise SystemExit({code})"]


def test_what_is_added_is_shown_listed_and_removed(one: Terminal) -> None:
    short = one.head()[:7]
    assert one("metric", "add", "loss=1.5", "acc=nan") == f"{short} one: loss=1.5 acc=nan\n"
    assert [line.split()[:2] for line in one("metric", "show").splitlines()] == [
        ["acc", "nan"],
        ["loss", "1.5"],
    ]
    assert one("metric", "list") == f"{short} one  acc=nan loss=1.5\n"
    one("commit", "--amend", "-m", "two")
    short = one.head()[:7]
    assert one("log", "--oneline", "--metrics").endswith(" two  acc=nan loss=1.5\n")
    assert one("log", "--metrics").endswith("\nMetrics:\n    acc   nan\n    loss  1.5\n")
    logged = json.loads(one("log", "--metrics", "--json"))["commits"][0]["metrics"]
    assert (logged["acc"]["value"], logged["loss"]["value"]) == ("NaN", 1.5)
    assert one("metric", "remove", "loss") == f"{short} two: 1 metric gone\n"
    assert one("metric", "remove", "HEAD", "--all") == f"{short} two: 1 metric gone\n"
    assert one("metric", "list") == ""
    assert one("undo") == "Undid: metric: remove acc\n"
    assert one("metric", "list") == f"{short} two  acc=nan\n"


def test_words_that_mean_no_metric_are_refused(one: Terminal) -> None:
    for words, message in (
        (["add"], "no metric given"),
        (["add", "loss"], "no metric given"),
        (["add", "HEAD", "loss"], "'loss' is no NAME=VALUE"),
        (["add", "loss=low"], "'low' is not a number"),
        (["add", "a b=1"], "can't name a metric"),
        (["add", "nowhere", "a=1"], "unknown revision 'nowhere'"),
        (["remove"], "which metrics?"),
        (["remove", "loss"], "no metric 'loss' was noted"),
    ):
        result = one.run("metric", *words)
        assert (result.code, message in result.err) == (2, True), result


def test_a_run_passes_the_output_through_and_notes_its_numbers(one: Terminal) -> None:
    result = one.run("run", "--", *printing('hello\n{"loss": 2, "of": {"mmlu": 0.5}}\nbye'))
    assert result.out == 'hello\n{"loss": 2, "of": {"mmlu": 0.5}}\nbye\n'
    assert result.err == f"noted of {one.head()[:7]} one: loss=2 of.mmlu=0.5\n"
    one("run", "-m", "b", "--at", "HEAD", "--", *printing('{"a": 1, "b": 2}'))
    shown = json.loads(one("metric", "show", "--json"))["metrics"]
    assert shown.keys() == {"b", "loss", "of.mmlu"}
    assert shown["b"]["how"].startswith(sys.executable)


def test_a_run_reads_a_file_where_it_is_told_so(one: Terminal) -> None:
    out = one.root.parent / "out.json"
    writing = f"open({str(out)!r}, 'w').write('{{\\n \"loss\": 3\\n}}'); print('{{\"a\": 1}}')"
    one("run", "--metrics-file", str(out), "--", sys.executable, "-c", writing)
    assert json.loads(one("metric", "show", "--json"))["metrics"].keys() == {"loss"}


def test_a_run_that_can_not_be_noted_says_why(one: Terminal) -> None:
    for words, code, message in (
        (printing("nothing"), 1, "the command's output has no JSON object with numbers"),
        (printing('{"a": 1}', 7), 7, "nothing is noted: exit code 7"),
        (["./no-such-command"], 127, "command not found"),
    ):
        result = one.run("run", "--", *words)
        assert (result.code, message in result.err) == (code, True), result
    result = one.run("run", "-m", "b", "--", *printing('{"a": 1}'))
    assert (result.code, "has no metric 'b'" in result.err) == (1, True)
    result = one.run("run", "--metrics-file", "nowhere", "--", *printing(""))
    assert (result.code, "cannot read nowhere" in result.err) == (1, True)
    one.write("m.safetensors", b"changed")
    result = one.run("run", "--", *printing('{"a": 1}'))
    assert (result.code, "m.safetensors is not as in HEAD" in result.err) == (5, True)
    assert one("metric", "show") == ""


def test_a_plot_is_drawn_in_the_terminal_and_in_files(
    one: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    for value in (2.0, 3.0, 4.0):
        one.commit(f"step {value:g}", m={"w": [value]})
        one("metric", "add", f"loss={1 / value}")
    drawn = one("plot", "loss")
    first, *rest = drawn.splitlines()
    assert first == "loss of 3 of 4 commits, oldest first"
    assert all(len(line) <= 60 for line in rest)
    assert sum(line.count("*") for line in rest) == 3
    assert rest[-1].endswith("0.25         " + one.head()[:7] + " step 4")
    one("plot", "loss", "-o", "loss.svg")
    root = ElementTree.parse(one.root / "loss.svg").getroot()
    assert len(root.findall(f"{SVG}circle")) == 3
    assert "step 4: 0.25" in (root.findall(f"{SVG}circle/{SVG}title")[-1].text or "")
    for words, code, message in (
        (["nope"], 2, "no commit of HEAD has the metric 'nope'"),
        (["loss", "-o", "loss.gif"], 2, "neither .svg nor .png"),
    ):
        result = one.run("plot", *words)
        assert (result.code, message in result.err) == (code, True), result


def test_a_png_is_drawn_or_the_extra_is_named(
    one: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    one("metric", "add", "loss=1")
    monkeypatch.setitem(sys.modules, "PIL", None)
    result = one.run("plot", "loss", "-o", "loss.png")
    assert (result.code, "pip install 'mvc-weights[plot]'" in result.err) == (1, True)
    assert not (one.root / "loss.png").exists()
    monkeypatch.undo()
    monkeypatch.chdir(one.root)
    pytest.importorskip("PIL")
    one("plot", "loss", "-o", "loss.png")
    data = (one.root / "loss.png").read_bytes()
    assert data.startswith(b"\x89PNG\r\n") and struct.unpack(">II", data[16:24]) == (1440, 720)


@pytest.mark.parametrize(
    "values",
    [
        (1.0,),
        (0.0, 0.0),
        (None, 5.0, float("inf")),
        (1e300, -1e300),
        (1.7e308, -1.7e308, 1.0),
        (1e-300, 2e-300),
        (3.0, None),
    ],
)
def test_any_numbers_can_be_drawn(values: tuple[float | None, ...]) -> None:
    chart = Chart("<odd & \x00>", values, tuple(f"commit {at}" for at in range(len(values))))
    ticks = chart.ticks()
    assert ticks[0] < ticks[-1] and 2 <= len(ticks) <= 12
    finite = [value for _, value in chart.finite]
    assert ticks[0] <= min(finite) * (1 - 1e-9) + 1e-9 or ticks[0] <= min(finite)
    assert max(finite) <= ticks[-1] * (1 + 1e-9) + 1e-9
    assert sum(line.count("*") for line in lines(chart, 40)) >= 1
    assert len(ElementTree.fromstring(svg(chart)).findall(f"{SVG}circle")) == len(finite)
