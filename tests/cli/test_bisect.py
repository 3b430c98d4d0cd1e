"""``bisect`` at a terminal: Git's words and exit codes, and mvc's own: numbers, ``undo``, the record."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from cli.terminal import Result, Terminal, safetensors

import mvc
from mvc.history.signature import Signature

BROKEN = 6

#: Prints the first weight of ``m.safetensors`` as JSON, and counts how often it is asked.
SCRIPT = """\
import json, pathlib, struct, sys
data = pathlib.Path("m.safetensors").read_bytes()
(size,) = struct.unpack_from("<Q", data)
(value,) = struct.unpack_from("<f", data, 8 + size)
with open(sys.argv[1], "a") as count:
    count.write(f"{value:g}\\n")
print("looked")
print(json.dumps({"loss": value, "other": {"accuracy": -value}}))
"""


def steps(root: Path, count: int, broken: int) -> list[str]:
    """So many commits; from ``broken`` on the loss is more."""
    found: list[str] = []
    repository = mvc.init(str(root))
    for number in range(count):
        tensors = {"loss": [1.0 + number / 10000 + (number >= broken)], "w": [float(number)]}
        (root / "m.safetensors").write_bytes(safetensors(tensors))
        who = repository.who = Signature("Ada", "ada@example.org", 1_700_000_000 + 60 * number)
        repository.add(["m.safetensors"])
        found.append(repository.commit(f"step {number}", author=who).id)
    return found


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Only to be copied."""
    root = tmp_path_factory.mktemp("original")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mvc.store.fs._full_sync", lambda descriptor: None)
        return root, steps(root, 10, BROKEN)


@pytest.fixture
def history(terminal: Terminal, original: tuple[Path, list[str]]) -> list[str]:
    """Ten commits; from the seventh on the loss is more."""
    root, ids = original
    shutil.rmtree(terminal.root / ".mvc")
    shutil.copytree(root, terminal.root, dirs_exist_ok=True)
    return ids


@pytest.fixture
def measuring(terminal: Terminal) -> tuple[list[str], Callable[[], int]]:
    """The command that measures, and how often it was run."""
    script = terminal.write("../loss.py", SCRIPT)
    count = terminal.write("../count", "")
    command = [sys.executable, str(script), str(count)]
    return command, lambda: len(count.read_text().split())


def answered(terminal: Terminal, bad: Callable[[int], bool]) -> Result:
    """Answer until it is found."""
    for _ in range(10):
        at = int(terminal("log", "-1", "--oneline").split()[-1])
        result = terminal.run("bisect", "bad" if bad(at) else "good")
        if "first bad" in result.out or result.code:
            return result
    raise AssertionError("it never ends")


def test_it_ends_with_the_commit_its_record_and_its_tensors(
    terminal: Terminal, history: list[str]
) -> None:
    terminal("bisect", "start", "HEAD", history[0])
    out = answered(terminal, lambda at: at >= BROKEN).out
    first, *rest = out.splitlines()
    assert first == f"{history[BROKEN]} is the first bad commit"
    assert rest[0] == f"commit {history[BROKEN]}"
    assert " operation: commit" in rest
    assert rest[-1] == " 1 file changed, 2 of 2 tensors"
    log = terminal("bisect", "log")
    assert log.endswith(f"# first bad commit: [{history[BROKEN]}] step {BROKEN}\n")
    assert terminal("bisect", "reset") == "Switched to branch 'main'\n"
    assert terminal.head() == history[-1]


def test_what_is_waited_for_is_said(terminal: Terminal, history: list[str]) -> None:
    assert terminal("bisect", "start") == "status: waiting for both good and bad commits\n"
    assert terminal("bisect", "good", history[0], history[1]) == (
        "status: waiting for bad commit, 2 good commits known\n"
    )
    assert terminal("bisect", "terms") == (
        "Your current terms are good for the old state\nand bad for the new state.\n"
    )
    refused = terminal.run("bisect", "next")
    assert refused.code == 1
    assert "You need to give me at least one bad|new and good|old revision." in refused.err
    assert "Bisecting: 3 revisions left to test after this (roughly 2 steps)\n" in terminal(
        "bisect", "bad"
    )
    assert "You are currently bisecting, started from branch 'main'." in terminal("status")
    assert "warning: you are switching branch while bisecting" in terminal.run("switch", "main").err


#: What is typed, the exit code, and what is said.
REFUSED = [
    (["log"], 1, "We are not bisecting."),
    (["good"], 1, 'You need to start by "mvc bisect start"'),
    (["run", "true"], 1, "You need to give me at least one good|old and bad|new revision."),
    (["start", "HEAD", "nowhere", "--"], 2, "'nowhere' does not appear to be a valid revision"),
    (["start", "--term-bad=run"], 1, "can't use the builtin command 'run' as a term"),
    (["start", "--term-bad=good"], 1, "please use two different terms"),
    (["start", "--term-good=new"], 1, "can't change the meaning of the term 'new'"),
    (["start", "--no-such"], 2, "unrecognized option: '--no-such'"),
    (["nowhere"], 2, "unknown subcommand: 'nowhere'"),
    (["replay", "nowhere"], 1, "cannot read file 'nowhere' for replaying"),
    (["start", "HEAD~2", "HEAD"], 1, "Maybe you mistook good and bad revs?"),
    (["start", "HEAD", "HEAD"], 1, "was both good and bad"),
]


def test_what_can_not_be_is_refused(terminal: Terminal, history: list[str]) -> None:
    for words, code, message in REFUSED:
        result = terminal.run("bisect", *words)
        assert (result.code, message in result.err) == (code, True), result
        assert terminal("bisect", "reset") == "We are not bisecting.\n"
    assert terminal("status") == "On branch main\nnothing to commit, working tree clean\n"


def test_a_search_has_its_own_words(terminal: Terminal, history: list[str]) -> None:
    terminal("bisect", "start", "--term-new=slow", "--term-old=fast", "HEAD", history[0])
    assert terminal("bisect", "terms", "--term-old") == "fast\n"
    refused = terminal.run("bisect", "bad")
    assert (refused.code, "you're currently in a slow/fast bisect" in refused.err) == (2, True)
    assert f"[{history[6]}]" in terminal("bisect", "fast")


def test_undo_takes_an_answer_back_files_and_all(terminal: Terminal, history: list[str]) -> None:
    terminal("bisect", "start", "HEAD", history[0])
    here, log = terminal.head(), terminal("bisect", "log")
    terminal("bisect", "bad")
    assert terminal.head() != here
    assert terminal("undo") == f"Undid: bisect: bad {here[:7]}\n"
    assert (terminal.head(), terminal("bisect", "log")) == (here, log)
    assert "bisecting" in terminal("status")
    terminal("undo")
    assert terminal("status") == "On branch main\nnothing to commit, working tree clean\n"


def test_unsaved_work_stops_a_step_and_nothing_is_marked(
    terminal: Terminal, history: list[str]
) -> None:
    terminal("bisect", "start", "HEAD", history[0])
    log = terminal("bisect", "log")
    terminal.write("m.safetensors", b"mine")
    result = terminal.run("bisect", "good")
    assert result.code == 5
    assert terminal("bisect", "log") == log
    assert Path("m.safetensors").read_bytes() == b"mine"


def test_a_log_without_its_last_lines_is_replayed(terminal: Terminal, history: list[str]) -> None:
    terminal("bisect", "start", "HEAD", history[0])
    terminal("bisect", "good")
    here, log = terminal.head(), terminal("bisect", "log").replace("mvc bisect", "git bisect")
    terminal("bisect", "good")
    terminal.write("../log", log)
    terminal("bisect", "replay", "../log")
    assert terminal.head() == here
    terminal("bisect", "reset", "HEAD~1")
    assert "HEAD detached" in terminal("status")


def test_only_skipped_commits_left_is_exit_code_2(terminal: Terminal, history: list[str]) -> None:
    terminal("bisect", "start", history[3], history[0])
    terminal("bisect", "skip", history[1])
    result = terminal.run("bisect", "skip", f"{history[1]}..{history[2]}")
    assert result.code == 2
    first, second, *could, last = result.out.splitlines()
    assert first == "There are only 'skip'ped commits left to test."
    assert second == "The first bad commit could be any of:"
    assert (set(could[:2]), could[2]) == (set(history[1:3]), history[3])
    assert last == "We cannot bisect more!"


def test_view_shows_what_it_could_be(terminal: Terminal, history: list[str]) -> None:
    terminal("bisect", "start", "HEAD", history[7])
    assert terminal("bisect", "view", "--oneline").splitlines() == [
        f"{history[9][:7]} (main) step 9",
        f"{history[8][:7]} (HEAD) step 8",
    ]


def test_a_command_finds_it(terminal: Terminal, history: list[str]) -> None:
    terminal("bisect", "start", "HEAD", history[0])
    reading = "import struct; d = open('m.safetensors', 'rb').read()"
    script = f"{reading}; raise SystemExit(struct.unpack('<f', d[-4:])[0] >= {BROKEN})"
    out = terminal("bisect", "run", sys.executable, "-c", script)
    assert f"{history[BROKEN]} is the first bad commit" in out
    assert out.endswith("bisect found first bad commit\n")


def test_exit_code_125_skips_and_128_ends_it(terminal: Terminal, history: list[str]) -> None:
    terminal("bisect", "start", history[2], history[0])
    result = terminal.run("bisect", "run", sys.executable, "-c", "raise SystemExit(125)")
    assert result.code == 2
    assert "bisect run cannot continue any more" in result.err
    terminal("bisect", "start", "HEAD", history[0])
    result = terminal.run("bisect", "run", sys.executable, "-c", "raise SystemExit(130)")
    assert result.code == 130
    assert "bisect run failed: exit code 130" in result.err


def test_a_command_that_is_not_there_accuses_nobody(terminal: Terminal, history: list[str]) -> None:
    terminal("bisect", "start", "HEAD", history[0])
    here = terminal.head()
    result = terminal.run("bisect", "run", "./no-such-test")
    assert result.code == 1
    assert "bogus exit code 127 for good revision" in result.err
    assert terminal.head() == here


def test_a_number_finds_it_and_is_never_measured_twice(
    terminal: Terminal, history: list[str], measuring: tuple[list[str], Callable[[], int]]
) -> None:
    command, count = measuring
    metric = ["--metric", "loss", "--max-increase", "3%"]
    terminal("bisect", "start", "main", history[0])
    out = terminal("bisect", "run", *metric, "--", *command)
    assert f"{history[BROKEN]} is the first bad commit" in out
    assert " loss: 2.0006" in out
    assert count() == 4  # three of nine, and the good one
    terminal("bisect", "start", "main", history[0])
    again = terminal("bisect", "run", *metric, "--", *command)
    assert "0 measured, 4 remembered\n" in again
    assert count() == 4
    terminal("bisect", "start", "main", history[0])
    forced = terminal("bisect", "run", "--again", *metric, "--", *command)
    assert "4 measured, 0 remembered\n" in forced
    terminal("bisect", "reset")
    assert len(re.findall(r"loss=", terminal("log", "--metrics", "--oneline"))) == 4


def test_what_is_known_is_not_even_checked_out(
    terminal: Terminal, history: list[str], measuring: tuple[list[str], Callable[[], int]]
) -> None:
    for number, id_ in enumerate(history):
        terminal("metric", "add", id_, f"loss={1 + (number >= BROKEN)}")
    terminal("bisect", "start", "HEAD", history[0])
    here = terminal.head()
    terminal("bisect", "run", "--metric", "loss", "--above", "1.5")
    assert terminal.head() == here


@pytest.mark.parametrize(
    ("limit", "first"),
    [
        (["--above", "1.5"], 6),
        (["--max-increase", "0.0035"], 4),
        (["--max-decrease", "3%"], 9),
        (["--below", "1.0015"], 2),
    ],
)
def test_each_limit_means_what_it_says(
    terminal: Terminal, history: list[str], limit: list[str], first: int
) -> None:
    for number, id_ in enumerate(history):
        loss = 1.0 + number / 1000 + (number >= BROKEN)
        if limit[0] == "--below":
            loss = 1.0 + (number < 2)
        if limit[0] == "--max-decrease":
            loss = 0.5 if number == 9 else 1.0
        terminal("metric", "add", id_, f"loss={loss}")
    terminal("bisect", "start", "HEAD", history[0])
    out = terminal("bisect", "run", "--metric", "loss", *limit)
    assert f"{history[first]} is the first bad commit" in out


#: What is typed after `bisect run`, and what is said.
UNFIT = [
    (["--metric", "loss", "--", "true"], "--metric takes one of"),
    (["--metric", "loss", "--above", "many", "--", "true"], "--above takes no 'many'"),
    (["--metric", "loss", "--above", "3%", "--", "true"], "--above takes no '3%'"),
    (["--above", "3", "--", "true"], "a limit needs --metric"),
    (["--metric", "loss", "--max-increase", "3%"], "no command was given"),
    ([], "no command provided"),
]


def test_a_run_that_can_not_judge_does_not_begin(terminal: Terminal, history: list[str]) -> None:
    terminal("bisect", "start", "HEAD", history[0])
    log = terminal("bisect", "log")
    for words, message in UNFIT:
        result = terminal.run("bisect", "run", *words)
        assert (result.code, message in result.err) == (2, True), result
    assert terminal("bisect", "log") == log


def test_a_command_that_measures_nothing_ends_it_and_the_rest_can_be_done_later(
    terminal: Terminal, history: list[str], measuring: tuple[list[str], Callable[[], int]]
) -> None:
    terminal("bisect", "start", "HEAD", history[0])
    metric = ["--metric", "loss", "--max-increase", "3%", "--"]
    silent = terminal.run("bisect", "run", *metric, sys.executable, "-c", "print('no idea')")
    assert (silent.code, "printed no loss" in silent.err) == (1, True)
    failing = terminal.run("bisect", "run", *metric, sys.executable, "-c", "raise SystemExit(3)")
    assert (failing.code, "measured nothing, its exit code is 3" in failing.err) == (3, True)
    assert "first bad" in terminal("bisect", "run", *metric, *measuring[0])


def test_sixty_four_commits_take_seven_measurements(
    terminal: Terminal, measuring: tuple[list[str], Callable[[], int]]
) -> None:
    steps(terminal.root, 65, 38)
    terminal("bisect", "start", "HEAD", "HEAD~64")
    out = terminal("bisect", "run", "--metric", "loss", "--max-increase", "3%", "--", *measuring[0])
    assert "    step 38\n" in out
    assert measuring[1]() <= 7


def test_a_built_in_evaluator_measures_without_a_checkout(
    terminal: Terminal, history: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, tuple[str, ...]]] = []

    def perplexity(repository: Any, revision: str, data: Sequence[str]) -> float:
        asked.append((revision, tuple(data)))
        return float(repository.load(revision)["loss"][0])

    known = EntryPoint("perplexity", "somewhere:perplexity", "mvc.evaluators")
    monkeypatch.setattr(EntryPoint, "load", lambda self: perplexity)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **words: [known])
    terminal("bisect", "start", "main", history[0])
    here = terminal.head()
    limit = ["--metric", "perplexity", "--max-increase", "3%", "--data", "a.txt", "--data", "b.txt"]
    out = terminal("bisect", "run", *limit)
    assert f"{history[BROKEN]} is the first bad commit" in out
    assert terminal.head() == here
    assert len(asked) == 4
    assert {data for _, data in asked} == {("a.txt", "b.txt")}
    for words, message in (
        (["--metric", "loss", "--above", "1", "--data", "a.txt", "true"], "--data is for a built"),
        (["--data", "a.txt", "true"], "a limit needs --metric"),
    ):
        result = terminal.run("bisect", "run", *words)
        assert (result.code, message in result.err) == (2, True), result


def test_what_was_measured_on_other_texts_is_measured_anew(
    terminal: Terminal, history: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def perplexity(repository: Any, revision: str, data: Sequence[str]) -> float:
        asked.append(revision)
        return float(repository.load(revision)["loss"][0])

    known = EntryPoint("perplexity", "somewhere:perplexity", "mvc.evaluators")
    monkeypatch.setattr(EntryPoint, "load", lambda self: perplexity)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **words: [known])
    for id_ in history:
        terminal("metric", "add", id_, "perplexity=1")  # as records say it, of texts of their own
    run = ["bisect", "run", "--metric", "perplexity", "--max-increase", "3%"]
    for text, measured in (("one", 4), ("one", 0), ("two", 4)):
        terminal("bisect", "start", "main", history[0])
        terminal.write("a.txt", text)
        out = terminal(*run, "--data", "a.txt")
        assert f"{history[BROKEN]} is the first bad commit" in out
        assert f"{measured} measured, {4 - measured} remembered" in out
    assert len(asked) == 8
    assert "0 measured, " in terminal(*run)  # whatever is known, where no text is named
    terminal("bisect", "start", "main", history[0])
    unknown = terminal.run(*run, "--again")
    assert unknown.code == 2 and "perplexity … --data FILE, or … -- CMD" in unknown.err


def test_a_bad_commit_that_the_limit_calls_good_is_doubted(
    terminal: Terminal, history: list[str]
) -> None:
    for id_ in history:
        terminal("metric", "add", id_, "loss=1")
    terminal("bisect", "start", "main", history[0])
    result = terminal.run("bisect", "run", "--metric", "loss", "--max-increase", "3%")
    assert f"loss of {history[-1][:7]} is 1, which is good by this limit" in result.err
