"""``mvc hooks``: puts the weight-hash hook into a Git repository, shows it, runs it, takes it out.

mvc loads this through the entry-point group ``mvc.verbs`` and hands over its output sink. ``run`` is the
same program as ``mvc-weight-hashes``.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

import click

from hooks import git, git_hooks, pre_commit_config, script
from hooks.git import Place
from hooks.report import counted, quoted
from hooks.survey import recorded
from hooks.weight_hashes import NAME
from mvc.errors import UsageError
from mvc.store.fs import Disk


class _Output(Protocol):
    def show(self, lines: Iterable[str]) -> None: ...
    def note(self, lines: Iterable[str]) -> None: ...
    def document(self, verb: str, content: Mapping[str, Any]) -> None: ...


class _Session(Protocol):
    @property
    def output(self) -> _Output: ...


@click.group("hooks")
def command() -> None:
    """Keep the hashes of weights in Git: install, list, run or remove the weight-hash hook."""


@command.command(
    "run",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def run(context: click.Context, arguments: tuple[str, ...]) -> None:
    """Do now what the hook does before a commit, with the options that it is installed with.

    --check is for CI, --help for the rest.
    """
    asked = not {"-h", "--help"}.isdisjoint(arguments)
    before = () if asked else _installed_with(git.place())
    context.exit(script.main([*before, *arguments], "mvc hooks run"))


@command.command("install")
@click.option(
    "--pre-commit/--git",
    "with_pre_commit",
    default=None,
    help="Through pre-commit (the default where it is used), or as a plain hook of Git's.",
)
@click.argument("arguments", nargs=-1, metavar="[-- HOOK-OPTION...]")
@click.pass_obj
def install(session: _Session, with_pre_commit: bool | None, arguments: tuple[str, ...]) -> None:
    """Have every commit of this Git repository run the hook, with the options after --."""
    place = git.place()
    script.rules_of(arguments)
    if with_pre_commit is None:
        with_pre_commit = _config(place) is not None or shutil.which("pre-commit") is not None
    if not with_pre_commit:
        written = git_hooks.install(place, arguments, Disk())
        session.output.note(f"Wrote {_seen(place, path)}" for path in written)
        return
    text = _config(place) or ""
    if (line := pre_commit_config.line_of(text)) is not None:
        raise UsageError(
            f"{pre_commit_config.NAME} has the hook already, in line {line}",
            hint="change its args there; or mvc hooks remove first",
        )
    _write_config(place, pre_commit_config.added(text, arguments))
    session.output.note(_next_steps(place))


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def list_(session: _Session, as_json: bool) -> None:
    """Show where the hook is installed, and how many weights are recorded."""
    place = git.place()
    line = pre_commit_config.line_of(_config(place) or "")
    plain = [_seen(place, path) for path in git_hooks.installed(place)]
    active = git_hooks.runs_pre_commit(place)
    weights = len(recorded(place).files)
    if as_json:
        pre_commit = None if line is None else {"active": active, "line": line}
        content = {"git": plain, "pre_commit": pre_commit, "weights": weights}
        session.output.document("hooks-list", content)
        return
    rows = [f"git         {quoted(path)}" for path in plain]
    if line is not None:
        state = "" if active else " (not active: pre-commit install)"
        rows.append(f"pre-commit  {pre_commit_config.NAME}, line {line}{state}")
    session.output.show(rows or ["no weight-hash hook is installed here"])
    if weights:
        session.output.show([f"{counted(weights, 'weight')} recorded in {NAME}"])


@command.command("remove")
@click.pass_obj
def remove(session: _Session) -> None:
    """Take the hook out of this Git repository; the recorded hashes stay."""
    place = git.place()
    gone = [f"Removed {_seen(place, path)}" for path in git_hooks.remove(place, Disk())]
    text = _config(place) or ""
    if pre_commit_config.line_of(text) is not None:
        _write_config(place, pre_commit_config.removed(text))
        gone.append(f"Removed the hook from {pre_commit_config.NAME}; commit that file")
    if not gone:
        raise UsageError("no weight-hash hook is installed here", hint="mvc hooks install")
    session.output.note(gone)


def _installed_with(place: Place) -> tuple[str, ...]:
    text = _config(place) or ""
    if pre_commit_config.line_of(text) is not None:
        return pre_commit_config.arguments(text)
    return git_hooks.arguments(place)


def _next_steps(place: Place) -> Iterator[str]:
    yield f"Added the hook to {pre_commit_config.NAME}; commit that file"
    if not git_hooks.runs_pre_commit(place):
        yield "Now have Git run it: pre-commit install -t pre-commit -t pre-merge-commit"


def _config(place: Place) -> str | None:
    try:
        with open(os.path.join(place.root, pre_commit_config.NAME), encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None


def _write_config(place: Place, text: str) -> None:
    target = os.path.join(place.root, pre_commit_config.NAME)
    Disk().write_whole(target, text.encode(), durable=False)


def _seen(place: Place, path: str) -> str:
    """A place as it is seen from the repository's top."""
    return os.path.relpath(path, place.root).replace(os.sep, "/")
