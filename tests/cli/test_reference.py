"""The reference pages say what the code says."""

from __future__ import annotations

import inspect
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

import mvc
from mvc import errors
from mvc.bisecting import Bisect
from mvc.cli import reference
from mvc.cli.app import VERBS, program
from mvc.cli.examples import EXAMPLES
from mvc.inspecting import Inspection
from mvc.metrics import Metrics
from mvc.naming import Branches, Tags
from mvc.opened import Opened
from mvc.repository import Repository
from mvc.stashing import Stash
from mvc.steps import Steps
from mvc.upkeep import Upkeep

ROOT = Path(__file__).resolve().parents[2]
CLI = ROOT / "docs" / "reference" / "cli.md"
API = ROOT / "docs" / "reference" / "api.md"


def test_the_command_line_reference_is_current() -> None:
    assert CLI.read_text("utf-8") == reference.page(), (
        "run: python -m mvc.cli.reference > docs/reference/cli.md"
    )


def test_the_module_writes_the_page_whatever_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    command = [sys.executable, "-m", "mvc.cli.reference"]
    written = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    assert written.decode() == reference.page()


def test_every_verb_says_what_it_and_each_option_does() -> None:
    context = click.Context(program)
    for verb in VERBS:
        command = program.get_command(context, verb)
        assert command is not None
        assert command.help, verb
        options = [p for p in command.params if isinstance(p, click.Option)]
        assert not [option.name for option in options if not option.help], verb


@pytest.mark.parametrize("verb", VERBS)
def test_the_examples_of_a_verb_are_ones_that_it_takes(verb: str) -> None:
    context = click.Context(program)
    for typed, _ in EXAMPLES.get(verb, ()):
        words = [word for word in shlex.split(typed.split(" > ")[0]) if word != "--"]
        if words[0] == "mvc":  # else it is for the shell
            name, command, rest = program.resolve_command(context, words[1:])
            assert name == verb and command is not None
            command.make_context(name, rest, resilient_parsing=False, obj=None).close()


def test_verbs_without_examples_need_none() -> None:
    assert VERBS.keys() - EXAMPLES.keys() == {"compress", "hooks", "version"} & VERBS.keys()


def test_every_exit_code_is_in_the_table() -> None:
    kinds = [vars(errors)[name] for name in errors.__all__]
    rows = dict(re.findall(r"^\| \d+ \| `(\w+)` \| (.+) \|$", reference.page(), re.MULTILINE))
    assert rows.keys() == {kind.__name__ for kind in kinds if kind.exit_code != 1}
    for kind in kinds:
        assert f"| {kind.exit_code} | " in reference.page()


def test_the_python_reference_has_every_method_with_its_parameters() -> None:
    """A row of the page is the method's name and parameters, as one writes the call."""
    page = API.read_text("utf-8")
    rows = set(re.findall(r"^\| `repo\.(.+?)` \|", page, re.MULTILINE))
    faces = {
        "branches": Branches,
        "tags": Tags,
        "upkeep": Upkeep,
        "stash": Stash,
        "bisect": Bisect,
        "metrics": Metrics,
        "steps": Steps,
    }
    reached = {f"{face}.{row}" for face, of in faces.items() for row in _rows(of)}
    looks = set(re.findall(r"^\| `look\.(.+?)` \|", page, re.MULTILINE))
    assert looks == _rows(Inspection)
    verbs = _rows(Opened) | _rows(Repository)
    assert rows == {*verbs, *reached, "root", "folder", "who", "verifier", "cwd", "progress"}


def test_the_python_reference_has_every_public_name() -> None:
    page = API.read_text("utf-8")
    assert not [name for name in mvc.__all__ if f"mvc.{name}" not in page]
    assert not [name for name in errors.__all__ if f"`{name}`" not in page]


def _rows(of: type) -> set[str]:
    return {_row(of, name) for name in vars(of) if not name.startswith("_")}


def _row(of: type, name: str) -> str:
    member = vars(of)[name]
    if isinstance(member, property):
        return name
    parameters = list(inspect.signature(member).parameters.values())[1:]
    written: list[str] = []
    for parameter in parameters:
        keyword = parameter.kind is parameter.KEYWORD_ONLY
        if keyword and "*" not in written:
            written.append("*")
        bare = parameter.default is parameter.empty
        written.append(parameter.name if bare else f"{parameter.name}={parameter.default!r}")
    return f"{name}({', '.join(written)})"
