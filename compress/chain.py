"""The chain of steps that HEAD stands on: which commits are steps, what they promised, what was dense before.

Reads records and manifests alone. The newest step on the first-parent line tells what holds, if the weights
are its own. Otherwise (a revert or a merge may lie between) a weight has the promises of the step that left it
as it is; one that no step left so has the newest's, which are to be held against its values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field

from compress.standing import Standing
from mvc.history.git import Commit
from mvc.history.record import Json, Record
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
    """``newest``: None where there is no step yet. ``dense``: the commit that the chain began with.

    ``standing``: what holds. ``doubtful``: of these weights it has to be held against the values first.
    """

    newest: Step | None
    dense: str
    standing: Standing = field(default_factory=Standing)
    doubtful: frozenset[str] = frozenset()


def step_of(repo: Repository, commit: Commit) -> Step | None:
    """The step that ``commit`` is; None when it is none."""
    record = repo.record(commit.id)
    if record is None or not isinstance(record.parameters.get("recipe"), dict):
        return None
    return Step(commit, record)


def steps(repo: Repository, revision: str = "HEAD") -> Iterator[Step]:
    """The steps on the first-parent line, newest first, without those that a revert has undone to the bit."""
    undone: str | None = None
    line = list(repo.log(revision, first_parent=True))
    results = _Results(repo)
    for at, commit in enumerate(line):
        if undone is not None and results.of(commit) != undone:
            continue
        undone = None
        found = step_of(repo, commit)
        if found is not None:
            yield found
        elif results.reverts(commit):
            result = results.of(commit)
            if any(results.of(earlier) == result for earlier in line[at + 1 :]):
                undone = result


class _Results:
    """The Merkle roots that records have, each read once."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._known: dict[str, Record | None] = {}

    def of(self, commit: Commit) -> str | None:
        record = self._record(commit)
        return None if record is None else record.result

    def reverts(self, commit: Commit) -> bool:
        record = self._record(commit)
        return record is not None and record.operation == "revert"

    def _record(self, commit: Commit) -> Record | None:
        if commit.id not in self._known:
            self._known[commit.id] = self._repo.record(commit.id)
        return self._known[commit.id]


def chain(repo: Repository, revision: str = "HEAD") -> Chain:
    """What ``revision`` stands on."""
    here = repo.resolve(revision)
    newest = next(steps(repo, here), None)
    if newest is None:
        return Chain(None, here)
    record = repo.record(here)
    said = newest.record.parameters.get("dense")
    dense = str(said) if isinstance(said, str) else here
    if record is not None and record.result == newest.record.result:
        return Chain(newest, dense, newest.standing)
    standing, doubtful = _traced(repo, here, newest, dense)
    return Chain(newest, dense, standing, doubtful)


#: By module: the tensors that begin with its name, their dtype, shape and id.
_Values = Mapping[str, Mapping[str, object]]


def _traced(
    repo: Repository, here: str, newest: Step, dense: str
) -> tuple[Standing, frozenset[str]]:
    """What holds of weights that are not the newest step's: what held when they last were as they are."""
    line = [step for step in steps(repo, here) if step.record.parameters.get("dense") == dense]
    now = _values(repo, here)
    open_ = {name for step in line for name in step.standing.held}
    found: dict[str, Mapping[str, Json]] = {}
    for commit, standing in [*((s.commit.id, s.standing) for s in line), (dense, Standing())]:
        if not open_:
            break
        then = _values(repo, commit)
        alike = {name for name in open_ if _stored(now, name) == _stored(then, name)}
        found.update({name: standing.of(name) for name in alike})
        open_ -= alike
    left = {name: newest.standing.of(name) for name in open_}
    return Standing().after({**found, **left}), frozenset(n for n, held in left.items() if held)


def _values(repo: Repository, commit: str) -> _Values:
    snapshot = repo.snapshot(commit)
    found: dict[str, dict[str, object]] = {}
    for path in snapshot:
        manifest = snapshot.manifest(path)
        for entry in () if manifest is None else manifest.tensors:
            module = entry.name
            while module:
                module = module.rpartition(".")[0]
                found.setdefault(module, {})[entry.name] = entry.value
    return found


def _stored(values: _Values, weight: str) -> Mapping[str, object]:
    """What ``weight`` is stored as, in any form; a file may lack what the model's names begin with."""
    module = weight.removesuffix(".weight")
    return values.get(module) or values.get(module.partition(".")[2]) or {}
