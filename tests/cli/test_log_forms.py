"""``log`` in Git's forms and with Git's limits, compared with what Git prints of the same commits."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from cli.terminal import Terminal, safetensors

PEOPLE = (("Ada", "ada@example.org"), ("Grace Hopper", "grace@example.com"))


@pytest.fixture
def written(
    terminal: Terminal, clock: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> Terminal:
    """Four commits of two people and a merge, a day apart."""
    messages = ("Start: the base", "Tune it\n\nFor two\nepochs.\n\nAt a low rate.", "aside")
    for number, message in enumerate(messages):
        clock(1_700_000_000 + number * 86_400)
        name, email = PEOPLE[number % 2]
        monkeypatch.setenv("GIT_AUTHOR_NAME", name)
        monkeypatch.setenv("GIT_AUTHOR_EMAIL", email)
        if message == "aside":
            terminal("switch", "-c", "side", "HEAD~1")
            terminal.write("notes.md", "aside\n")
        terminal.write(f"{number}.safetensors", safetensors({"a": [float(number)]}))
        terminal("add", "-A")
        terminal("commit", "-m", message)
    terminal("switch", "main")
    clock(1_700_000_000 + 3 * 86_400)
    terminal("merge", "side")
    terminal("tag", "v1")
    return terminal


FORMS = [
    "%H %h %T %t %P %p",
    "%an|%ae|%al|%cn|%ce|%cl|%aN|%cE",
    "%ad|%aD|%at|%ai|%aI|%as|%cd|%ct",
    "%s|%f%n%x41%%|%q|%D|%d",
    "tformat:%h",
]


@pytest.mark.parametrize("form", FORMS)
def test_placeholders_are_gits(form: str, written: Terminal) -> None:
    words = ("log", f"--format={form}", "main")
    assert written(*words) == written.git(*words)


@pytest.mark.parametrize("date", ["iso", "iso-strict", "rfc", "short", "unix", "raw", "default"])
def test_dates_are_gits(date: str, written: Terminal) -> None:
    words = ("log", "--pretty=%ad %cd", f"--date={date}", "main")
    assert written(*words) == written.git(*words)


@pytest.mark.parametrize("name", ["oneline", "short", "medium", "full", "fuller", "reference"])
def test_named_formats_are_gits_without_the_trailer(name: str, written: Terminal) -> None:
    """Of the title and what stands above it: Git shows the trailer that mvc leaves out."""
    mine = written("log", f"--pretty={name}", "--no-decorate", "main")
    its = written.git("log", f"--pretty={name}", "--no-decorate", "main")
    lines = [line for line in its.split("\n") if "Tensor-Merkle-Root" not in line]
    assert [line for line in mine.split("\n") if line] == [
        line.rstrip() for line in lines if line.strip()
    ]


LIMITS = [
    ["--author", "Grace"],
    ["--author", "example.org", "--author", "Hopper"],
    ["--author", "ada", "-i"],
    ["--committer", "Ada"],
    ["--grep", "Tune"],
    ["--grep", "tune", "-i"],
    ["--grep", "Start", "--grep", "aside"],
    ["--grep", "epochs", "--grep", "rate", "--all-match"],
    ["--grep", "Start:", "-F", "--invert-grep"],
    ["--grep", "^For two"],
    ["--since", "2023-11-15T22:13:20+00:00"],
    ["--until", "@1700086400"],
    ["--after", "2023-11-15T00:00:00Z", "--before", "2023-11-16T23:00:00Z"],
    ["--merges"],
    ["--no-merges", "-n2"],
    ["--no-merges", "--skip", "1", "-n", "1"],
    ["--author", "Grace", "--", "1.safetensors"],
    ["--grep", "nothing"],
]


@pytest.mark.parametrize("limits", LIMITS, ids=" ".join)
def test_limits_are_gits(limits: list[str], written: Terminal) -> None:
    end = limits.index("--") if "--" in limits else len(limits)
    words = ("log", "--format=%h %s", *limits[:end], "main", *limits[end:])
    assert written(*words) == written.git(*words)


@pytest.mark.parametrize("how", ["--name-only", "--name-status"])
def test_names_of_files_are_gits(how: str, written: Terminal) -> None:
    words = ("log", "--format=%h", how, "main")
    its = [line for line in written.git(*words).split("\n") if "record.json" not in line]
    assert written(*words).rstrip("\n") == "\n".join(its).rstrip("\n")


def test_a_patch_has_the_tensors(written: Terminal) -> None:
    shown = written("log", "-p", "-n1", "--format=%s", "side")
    assert shown.startswith("aside\n\ndiff --git a/2.safetensors b/2.safetensors\n")
    assert "2.safetensors: new, 1 tensor" in shown


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--format=nope"], "invalid --pretty format: nope"),
        (["--date=nope"], "unknown date format nope"),
        (["--author=("], "is no regular expression"),
        (["--since=whenever"], "not a date"),
        (["--follow"], "--follow requires exactly one pathspec"),
    ],
)
def test_what_is_not_understood_is_refused(words: list[str], why: str, written: Terminal) -> None:
    refused = written.run("log", *words)
    assert (refused.code, why in refused.err) == (2, True)


def test_colours_are_those_that_are_asked_for(written: Terminal) -> None:
    form = "--format=%C(yellow)%h%Creset %C(bold red)%s%C(auto)"
    plain, coloured = written("log", "-n1", form), written("--color", "log", "-n1", form)
    assert "\033" not in plain
    assert coloured.startswith("\033[33m")
    assert "\033[0m" in coloured


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (30, "30 seconds ago"),
        (120, "2 minutes ago"),
        (7200, "2 hours ago"),
        (3 * 86_400, "3 days ago"),
        (21 * 86_400, "3 weeks ago"),
        (100 * 86_400, "3 months ago"),
        (400 * 86_400, "1 year, 1 month ago"),
        (3650 * 86_400, "10 years ago"),
        (-50, "in the future"),
    ],
)
def test_how_long_ago_it_was_is_said_as_git_says_it(
    seconds: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mvc.cli import dates
    from mvc.history.signature import Signature

    monkeypatch.setattr("mvc.cli.dates.time.time", lambda: 2_000_000_000)
    assert dates.form("relative")(Signature("A", "a", 2_000_000_000 - seconds)) == said


def test_a_file_is_followed_through_renames(terminal: Terminal) -> None:
    """Renamed as it was, then renamed with one tensor changed: Git would follow neither of a model."""
    tensors = {"a": [1.0], "b": [2.0], "c": [3.0]}
    terminal.commit("one", old=tensors)
    terminal("mv", "old.safetensors", "new.safetensors")
    terminal("commit", "-m", "two")
    terminal.commit("other", other={"z": [1.0]})
    terminal("mv", "new.safetensors", "last.safetensors")
    terminal.commit("three", last={**tensors, "c": [4.0]})

    def seen(*words: str) -> list[str]:
        found = json.loads(terminal("log", "--json", *words))["commits"]
        return [one["subject"] for one in found]

    assert seen("--", "last.safetensors") == ["three"]
    assert seen("--follow", "last.safetensors") == ["three", "two", "one"]
    assert seen("--follow", "--grep", "t", "-n", "1", "last.safetensors") == ["three"]
    assert terminal.run("log", "--follow", "--", "gone.safetensors").code == 2
