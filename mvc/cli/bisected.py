"""What ``bisect`` says after a step: Git's words, and what mvc knows of the commit that it found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import click

from mvc.cli.app import Session
from mvc.cli.difference import stat_lines
from mvc.cli.output import counted, quoted
from mvc.cli.pretty import Pretty

if TYPE_CHECKING:
    from mvc.history.git import Commit
    from mvc.history.record import Json
    from mvc.repository import Repository
    from mvc.worktree.bisect import Step

#: Git's exit codes of what ends a search without a result.
_CODES = {"skipped": 2, "fixed": 3, "untestable": 4}


def show(session: Session, step: Step) -> int:
    """Say where the search stands; gives the exit code."""
    for note in step.notes if step.kind != "waiting" else ():
        click.echo(click.style("warning: ", fg="yellow") + quoted_lines(note), err=True)
    if step.kind in ("fixed", "untestable"):
        for line in _lines(session.repository, step):
            click.echo(line, err=True)
    else:
        session.output.show(_lines(session.repository, step))
    code = code_of(step)
    if code:
        raise click.exceptions.Exit(code)
    return code


def code_of(step: Step) -> int:
    """The exit code of a command that ends with ``step``."""
    return _CODES.get(step.kind, 0)


def quoted_lines(text: str) -> str:
    """``text`` for a terminal, line for line."""
    return "\n".join(map(quoted, text.split("\n")))


def _lines(repository: Repository, step: Step) -> Iterator[str]:
    bad, good = map(quoted, step.search.words)
    if step.kind == "waiting":
        yield from step.notes
    elif step.kind == "skipped":
        yield "There are only 'skip'ped commits left to test."
        yield f"The first {bad} commit could be any of:"
        yield from step.tried
        yield "We cannot bisect more!"
    elif step.kind == "untestable":
        yield "No testable commit found."
        yield "Maybe you started with bad path arguments?"
    elif step.kind == "fixed":
        yield from _fixed(step, bad, good)
    else:
        assert step.commit is not None
        commit = repository.read_commit(step.commit)
        if step.kind == "found":
            yield f"{commit.id} is the first {bad} commit"
            yield from about(repository, commit)
            return
        if step.kind == "merge base":
            yield "Bisecting: a merge base must be tested"
        elif step.choice is not None:
            left, steps = counted(step.choice.left, "revision"), counted(step.choice.steps, "step")
            yield f"Bisecting: {left} left to test after this (roughly {steps})"
        yield f"[{commit.id}] {quoted(commit.subject)}"


def _fixed(step: Step, bad: str, good: str) -> Iterator[str]:
    base, ends = step.commit, f"[{' '.join(step.search.good)}]"
    yield f"The merge base {base} is {bad}."
    if (bad, good) == ("bad", "good"):
        yield f"This means the bug has been fixed between {base} and {ends}."
    elif (bad, good) == ("new", "old"):
        yield f"The property has changed between {base} and {ends}."
    else:
        yield f"This means the first '{good}' commit is between {base} and {ends}."


def _short(parameters: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    """What fits in a line: a recipe where the record has one, else its words and numbers."""
    recipe = parameters.get("recipe")
    said = recipe if isinstance(recipe, dict) else parameters
    for name, value in said.items():
        if value not in (None, "") and not isinstance(value, dict | list):
            if recipe is None or name not in ("operation", "version"):
                yield name, f"{value:g}" if isinstance(value, float) else value


def about(repository: Repository, commit: Commit) -> Iterator[str]:
    """The commit, what made it, what was measured of it, and which tensors it changed."""
    yield from Pretty().long(commit, {})
    yield ""
    record = repository.record(commit.id)
    if record is not None:
        given = ", ".join(f"{name}={value}" for name, value in sorted(_short(record.parameters)))
        yield f" operation: {quoted(record.operation)}" + (f" ({quoted(given)})" if given else "")
    for name, one in repository.metrics.of(commit).items():
        yield f" {quoted(name)}: {one.value:g}"
    yield from stat_lines(repository.changes_of(commit))
