"""The chain of steps that HEAD stands on: which commits are steps, what they promised, what was dense before.

Reads records alone. The newest step on the first-parent line tells: its invariants hold still if the weights
are its own, and are held against the weights otherwise (a merge or a revert may lie between).
"""

from __future__ import annotations

from collections.abc import Iterator

from compress.standing import Standing
from mvc.history.git import Commit
from mvc.history.record import Record
from mvc.repository import Repository
from mvc.values import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """A commit that an operation made, with its record."""

    commit: Commit
    record: Record

    @property
    def recipe(self) -> dict[str, object]:
        """The recipe as it was recorded, ``operation`` among it."""
        found = self.record.parameters["recipe"]
        return dict(found) if isinstance(found, dict) else {}

    @property
    def standing(self) -> Standing:
        """What holds after it."""
        return Standing.read(self.record.parameters)


@dataclass(frozen=True, slots=True)
class Chain:
    """``newest``: None where there is no step yet. ``dense``: the commit that the chain began with."""

    newest: Step | None
    dense: str
    unchanged: bool


def step_of(repo: Repository, commit: Commit) -> Step | None:
    """The step that ``commit`` is; None when it is none."""
    record = repo.record(commit.id)
    if record is None or not isinstance(record.parameters.get("recipe"), dict):
        return None
    return Step(commit, record)


def steps(repo: Repository, revision: str = "HEAD") -> Iterator[Step]:
    """The steps on the first-parent line, newest first."""
    for commit in repo.log(revision, first_parent=True):
        found = step_of(repo, commit)
        if found is not None:
            yield found


def chain(repo: Repository, revision: str = "HEAD") -> Chain:
    """What ``revision`` stands on."""
    here = repo.resolve(revision)
    newest = next(steps(repo, here), None)
    if newest is None:
        return Chain(None, here, True)
    record = repo.record(here)
    said = newest.record.parameters.get("dense")
    dense = str(said) if isinstance(said, str) else here
    return Chain(newest, dense, record is not None and record.result == newest.record.result)
