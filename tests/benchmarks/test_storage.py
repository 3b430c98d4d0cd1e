"""The comparison of storage: verdicts, references, a page that renders, tools that lie or fail."""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import model, report
from benchmarks.storage import generate, history, page, reference
from benchmarks.storage.figures import Figure, Results, of_bytes, of_times, rivals
from benchmarks.storage.peers import DRIVERS, OURS, PEERS, Peer, words
from benchmarks.storage.trial import Outcome
from benchmarks.storage.trial import history as tried

FAMILY = {"name": "base", "what": "a cast", "bytes": 45e6, "parent": "", "changed": None}
OUTCOMES = [
    Outcome("mvc", (30, 40), (1.0, 2.0), (5 << 20, 6 << 20), 1.5, 7 << 20, 38),
    Outcome("bulky", (45, 90), (0.5, 0.5), (9 << 20, 9 << 20), 1.0, 9 << 20),
    Outcome("small", (31, 60), (4.0, 4.0), (9 << 20, 9 << 20), 1.0, 9 << 20),
    Outcome("liar", (1, 2), (0.1, 0.1), (1 << 20, 1 << 20), failed="version 2 came back different"),
    Outcome("absent", failed="not installed"),
]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    place = tmp_path / "base.safetensors"
    with place.open("wb") as file:
        model.write(file, 1_000_000)
    return place


def test_a_verdict_names_the_higher_bar_that_is_met() -> None:
    def verdict(value: float, bar: float | None, stretch: float | None) -> str:
        return Figure("x", "", "", value, bar, stretch).verdict

    assert verdict(0.8, 0.9, 0.8) == "stretch met"
    assert verdict(0.9, 0.9, 0.8) == "met"
    assert verdict(0.91, 0.9, 0.8) == "**missed**"
    assert verdict(1.1, None, 1.0) == "stretch missed"
    assert verdict(1.1, None, None) == ""


def test_the_best_rival_is_the_smallest_that_gave_everything_back() -> None:
    assert [one.name for one in rivals(OUTCOMES)] == ["small", "bulky"]
    figures = {one.what: one for one in history.figures(OUTCOMES, 100)}
    assert figures["2 BF16 versions, after commit : raw"].value == 0.4
    assert figures["2 BF16 versions, after commit : small"].value == pytest.approx(40 / 60)
    assert figures["2 BF16 versions, after `gc --aggressive` : raw"].value == 0.38


def test_results_are_the_same_after_a_file() -> None:
    figures = {"history": [of_bytes("a : b", 1, 2, 0.6), of_times("c : d", [1, 3], [2, 2])]}
    results = Results({"history": "Then."}, [FAMILY], figures, {"history": OUTCOMES})
    place = io.StringIO()

    class There:
        def write_text(self, text: str, encoding: str) -> None:
            place.write(text)

        def read_text(self, encoding: str) -> str:
            return place.getvalue()

    results.write(There())  # type: ignore[arg-type]
    assert Results.read(There()) == results  # type: ignore[arg-type]


def test_the_page_shows_each_tool_and_says_why_one_does_not_count(tmp_path: Path) -> None:
    place = tmp_path / "page.md"
    place.write_text(f"before\n{page.BEGIN}\nold\n{report.END}\nafter\n")
    family = [FAMILY | {"relative_l2": None}]
    figures = {"history": history.figures(OUTCOMES, 100)}
    page.write(Results({"history": "Then."}, family, figures, {"history": OUTCOMES}), place)
    text = place.read_text()
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
    assert (
        "| 2 BF16 versions, after commit : small | 0 kB | 0 kB | 0.6667 | ≤ 0.95 | ≤ 0.8 |" in text
    )
    assert "- liar: version 2 came back different.\n- absent: not installed." in text
    assert text.index("| mvc |") < text.index("| small |") < text.index("| bulky |")
    assert "![Bars: bytes that five checkpoints take in each tool](history-size.svg)" in text


def test_the_order_0_bound_is_the_generators(base: Path) -> None:
    again = io.BytesIO()
    _, expected = model.write(again, 1_000_000)
    assert reference.bound(base) == pytest.approx(expected)


def test_an_xor_with_itself_is_next_to_nothing_and_noise_is_kept_raw(base: Path) -> None:
    size = base.stat().st_size
    assert reference.bitx(base, base) < size / 20
    other = base.with_name("other.safetensors")
    generate.write(other, base, "fine-tune", 1)
    assert size / 20 < reference.bitx(other, base) < size


@pytest.mark.parametrize("kind", generate.KINDS)
def test_a_generated_version_is_the_same_every_time_and_told_truly(base: Path, kind: str) -> None:
    one, two = (base.with_name(f"{number}.safetensors") for number in (1, 2))
    told = generate.write(one, base, kind, 7)
    assert generate.write(two, base, kind, 7) == told
    assert one.read_bytes() == two.read_bytes()
    old, new = (np.frombuffer(file.read_bytes(), "<u2") for file in (base, one))
    assert told["changed"] == pytest.approx((old != new).mean(), rel=0.1)
    assert 0 < told["changed"] < 0.9 and told["relative_l2"] > 0


def test_every_driver_belongs_to_a_tool_and_every_tool_has_its_script() -> None:
    named = " ".join(command for peer in PEERS for command in (*peer.commit, *peer.restore))
    scripts = {path.name for path in DRIVERS.glob("*.py")} - {"zipnn_speed.py"}
    assert scripts == {word.rpartition("/")[2] for word in named.split() if word.endswith(".py")}
    assert len({peer.name for peer in (OURS, *PEERS)}) == len(PEERS) + 1


def test_a_commands_places_are_filled_in() -> None:
    assert words("tool -r {model} v{number}", {"model": "m", "number": "3"}) == [
        "tool",
        "-r",
        "m",
        "v3",
    ]
    assert words("mvc add {model}", {"model": "m"})[-2:] == ["add", "m"]


needs_wait4 = pytest.mark.skipif(sys.platform == "win32", reason="memory is taken from wait4")


@needs_wait4
def test_a_tool_that_gives_back_something_else_does_not_count(base: Path, tmp_path: Path) -> None:
    kept = ("mkdir -p kept", "cp {model} kept/last")
    forgetful = Peer("forgetful", "cp", kept, ("cp kept/last {model}",), ("kept",))
    other = base.with_name("other.safetensors")
    generate.write(other, base, "step", 1)
    outcome = tried(forgetful, [base, other], tmp_path, tmp_path)
    assert outcome.sizes == (base.stat().st_size,) * 2
    assert outcome.failed == "version 1 came back different"
    assert not outcome.counts


@needs_wait4
def test_a_tool_that_fails_is_named_with_its_own_words(base: Path, tmp_path: Path) -> None:
    broken = Peer("broken", "cp", ("cp nothing kept",), (), ("kept",))
    outcome = tried(broken, [base], tmp_path, tmp_path)
    assert not outcome.ran and "nothing" in outcome.failed


@pytest.mark.slow
@needs_wait4
@pytest.mark.skipif(not shutil.which("git"), reason="needs Git")
def test_git_and_mvc_bring_every_version_back(base: Path, tmp_path: Path) -> None:
    other = base.with_name("other.safetensors")
    generate.write(other, base, "step", 1)
    git = next(peer for peer in PEERS if peer.name == "git")
    outcomes = [tried(peer, [base, other], tmp_path, tmp_path) for peer in (OURS, git)]
    assert [one.failed for one in outcomes] == ["", ""]
    assert outcomes[0].sizes[-1] < outcomes[1].sizes[-1]
