"""What ``--json`` prints, byte for byte: the files in ``golden`` are the schema that others rely on.

After a change on purpose write them anew: ``MVC_GOLDEN=write python -m pytest tests/cli/test_golden.py``. A key
that went or changed its meaning also raises the number in ``schema``; ``docs/reference/json.md`` has them all.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import click
import pytest
from cli.terminal import Terminal, safetensors
from signing_keys import settle_in

from mvc.cli.app import VERBS, program

GOLDEN = Path(__file__).with_name("golden")
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "json.md"

#: golden file → what is typed
ASKED = {
    "status": ["status"],
    "log": ["log"],
    "show": ["show", "v1"],
    "blame": ["blame", "m.safetensors", "v1"],
    "lineage": ["lineage", "a", "v1", "--stats"],
    "describe": ["describe", "--tags", "--dirty"],
    "shortlog": ["shortlog", "-e", "v1"],
    "verify": ["verify", "m.safetensors", "--at", "v1"],
    "diff": ["diff", "HEAD~1", "HEAD"],
    "diff-worktree": ["diff"],
    "ls": ["ls", "HEAD"],
    "du": ["du", "v1"],
    "du-commit": ["du", "--by", "commit", "v1"],
    "branch": ["branch"],
    "tag": ["tag"],
    "reflog": ["reflog"],
    "config": ["config", "--list"],
    "fsck": ["fsck"],
    "repair": ["repair", "-n"],
    "cat": ["cat", "HEAD:m.safetensors", "a", "odd"],
    "cat-values": ["cat", "HEAD:m.safetensors", "a", "odd", "--values"],
    "grep": ["grep", "a|o", "HEAD"],
    "op-log": ["op", "log"],
    "op-show": ["op", "show"],
    "metric-show": ["metric", "show", "HEAD~1"],
    "metric-list": ["metric", "list"],
    "plot": ["plot", "loss"],
    "bisect-log": ["bisect", "log"],
    "stash": ["stash", "list"],
    "stash-show": ["stash", "show", "-p"],
    "clean": ["clean", "-n"],
}
#: The same, asked where things are signed.
ASKED_OF_SIGNED = {
    "verify-commit": ["verify-commit", "v1", "HEAD"],
    "verify-tag": ["verify-tag", "v1"],
    "verify-signed": ["verify", "m.safetensors", "--at", "v1"],
    "log-signed": ["log", "--show-signature"],
    "show-signed": ["show", "--show-signature", "v1"],
}
#: The same of a repository whose last commit keeps two tensors undecided.
ASKED_UNDECIDED = {
    "conflicts": ["conflicts", "HEAD"],
    "status-undecided": ["status"],
    "ls-undecided": ["ls", "HEAD"],
    "diff-undecided": ["diff", "HEAD~1", "HEAD"],
}
#: The numbers of three are bytes of packs and the present; the last is about a code repository
#: (``tests/hooks``).
UNASKED = {"gc", "repack", "expire", "hooks list", "rerun"}
#: Needs an evaluator of another package: tests/cli/test_bisect_layers.py.
UNASKED |= {"bisect run"}
#: Streams of events, and what ``tests/compress`` looks at.
UNASKED |= {
    f"compress {verb}"
    for verb in (
        *("status", "rerun", "prune", "quantize", "dequantize", "factor", "unfactor", "heal"),
        *("resume", "run"),
    )
}


@pytest.fixture
def storied(
    bare_terminal: Terminal, clock: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> Terminal:
    """Every kind of thing once, on fixed dates."""
    monkeypatch.setattr("mvc.history.commits.VERSION", "0")
    disk = {"packs": 1000, "indexes": 200, "git": 30, "other": 4}  # zlib's makers differ
    monkeypatch.setattr("mvc.maintenance.usage.files", lambda folder: disk)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "ada@example.org")
    terminal, nan = bare_terminal, float("nan")
    clock(1_700_000_000)
    terminal("init")
    terminal.write("notes.md", "one\ntwo\n")
    terminal.write("data.bin", b"\0\1\2")
    terminal.commit("one\n\nBody.", m={"a": [1.0, 2.0], "gone": [1.0], "odd": [nan, 0.0]})
    terminal("branch", "other")
    clock(1_700_000_060)
    terminal.write("notes.md", "one\nthree\n")
    terminal.commit("two", m={"a": [1.0, 2.5], "odd": [nan, 0.0], "new": [3.0]})
    terminal("tag", "-a", "v1", "-m", "first release")
    terminal("tag", "light", "HEAD~1")
    clock(1_700_000_090)
    terminal("metric", "add", "HEAD~1", "loss=2.5", "perplexity=nan")
    terminal("metric", "add", "loss=1.25")
    terminal("bisect", "start", "--first-parent")
    terminal("bisect", "good", "HEAD~1")
    clock(1_700_000_120)
    terminal.write("notes.md", "put aside\n")
    terminal("stash", "push", "-m", "aside")
    terminal.write("m.safetensors", safetensors({"a": [9.0, 2.5], "odd": [nan, 0.0]}))
    terminal("mv", "data.bin", "moved.bin")
    terminal.write("fresh.txt", "x\n")
    return terminal


@pytest.fixture
def signed(storied: Terminal, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Terminal]:
    """How the story goes on: a commit and a tag of Ada's that are signed, and a commit that is not."""

    def go_on() -> Terminal:
        home = storied.root.parent / "home"
        settle_in(home)
        monkeypatch.setenv("HOME", str(home))
        storied("bisect", "reset")
        storied("reset", "--hard", "light")
        storied("tag", "-d", "v1")
        storied("commit", "--amend", "-S", "-m", "one, signed")
        storied("tag", "-s", "v1", "-m", "first signed release")
        storied("commit", "--allow-empty", "-m", "two")
        return storied

    return go_on


@pytest.fixture
def undecided(
    bare_terminal: Terminal, clock: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> Terminal:
    """A merge that kept a tensor which both sides changed, and one that ours alone has deleted."""
    monkeypatch.setattr("mvc.history.commits.VERSION", "0")
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "ada@example.org")
    terminal = bare_terminal
    clock(1_700_000_000)
    terminal("init")
    terminal.commit("base", m={"a": [1.0], "b": [1.0], "c": [1.0]})
    terminal("switch", "-c", "side")
    terminal.commit("theirs", m={"a": [2.0], "b": [2.0], "c": [1.0]})
    terminal("switch", "main")
    terminal.commit("ours", m={"a": [3.0], "c": [5.0]})
    terminal("merge", "--keep-conflicts", "side")
    return terminal


def test_json_is_what_it_was(storied: Terminal, signed: Callable[[], Terminal]) -> None:
    """One story for all, as it takes longer to tell than to ask."""
    _hold(storied, ASKED)
    _hold(signed(), ASKED_OF_SIGNED)


def test_json_of_what_is_undecided_is_what_it_was(undecided: Terminal) -> None:
    _hold(undecided, ASKED_UNDECIDED)


def test_every_golden_file_is_asked_for() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == {
        *ASKED,
        *ASKED_OF_SIGNED,
        *ASKED_UNDECIDED,
    }


def _hold(terminal: Terminal, asked: Mapping[str, Sequence[str]]) -> None:
    found = {name: terminal.run(*words, "--json").out for name, words in asked.items()}
    if os.environ.get("MVC_GOLDEN") == "write":
        for name, text in found.items():
            (GOLDEN / f"{name}.json").write_text(text, "utf-8", newline="\n")
    golden = {name: (GOLDEN / f"{name}.json").read_text("utf-8") for name in asked}
    assert not {name: text for name, text in found.items() if text != golden[name]}


def test_every_golden_file_names_its_schema_and_the_page_has_it() -> None:
    page = PAGE.read_text("utf-8")
    for path in GOLDEN.glob("*.json"):
        schema = json.loads(path.read_text("utf-8"))["schema"]
        assert path.stem.startswith(schema.removeprefix("mvc.").split("/")[0])
        assert f"`{schema}`" in page


def test_every_verb_with_json_has_a_golden_file_and_a_section() -> None:
    typed = (*ASKED.values(), *ASKED_OF_SIGNED.values(), *ASKED_UNDECIDED.values())
    asked = {" ".join(word for word in words if word.replace("-", "").isalpha()) for words in typed}
    sections = re.findall(r"^## mvc (.+)$", PAGE.read_text("utf-8"), re.MULTILINE)
    for path in with_json():
        assert path in sections, path
        assert path in UNASKED or any(words.startswith(path) for words in asked), path


def with_json() -> Iterator[str]:
    """``log``, ``stash list`` and all others that take ``--json``."""

    def below(command: click.Command, path: str) -> Iterator[str]:
        if isinstance(command, click.Group):
            for name, inner in command.commands.items():
                yield from below(inner, f"{path} {name}")
        elif any("--json" in parameter.opts for parameter in command.params):
            yield path

    context = click.Context(program)
    for verb in VERBS:
        found = program.get_command(context, verb)
        assert found is not None
        yield from below(found, verb)
