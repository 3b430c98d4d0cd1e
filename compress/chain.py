"""The chain of steps that HEAD stands on: which commits are steps, what they promised, what was dense before.

Reads records and manifests alone. The newest step on the first-parent line tells what holds, if the weights
are its own. Otherwise (a revert or a merge may lie between) a weight has the promises of the step that left it
as it is; one that no step left so has the newest's, which are to be held against its values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from itertools import islice

from compress.options import Options
from compress.recipe import decode
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
    def ran_with(self) -> dict[str, Json]:
        """How it was run, as it was recorded."""
        found = self.record.parameters.get("options")
        return {**(found if isinstance(found, dict) else {}), "seed": self.record.seed or 0}

    @property
    def options(self) -> Options:
        """The same, to run another step with; UsageError where the record has what nobody knows here."""
        found: Options = decode(Options, self.ran_with, "the record")
        return found

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
    return _step(commit, repo.record(commit.id))


def _step(commit: Commit, record: Record | None) -> Step | None:
    if record is None or not isinstance(record.parameters.get("recipe"), dict):
        return None
    return Step(commit, record)


def steps(repo: Repository, revision: str = "HEAD") -> Iterator[Step]:
    """The steps on the first-parent line, newest first, without those that a revert has undone to the bit."""
    undone: str | None = None
    for commit in repo.log(revision, first_parent=True):
        record = repo.record(commit.id)
        result = None if record is None else record.result
        if undone is not None and result != undone:
            continue
        undone = None
        found = _step(commit, record)
        if found is not None:
            yield found
        elif record is not None and record.operation == "revert" and _was(repo, commit, result):
            undone = result


def taken_back(repo: Repository, revision: str = "HEAD") -> dict[str, tuple[str, bool]]:
    """Commits on the first-parent line that a revert took back → the revert, and whether all of it.

    One that a revert of the revert brought back is not among them.
    """
    found: dict[str, tuple[str, bool]] = {}
    for commit in repo.log(revision, first_parent=True):
        record = repo.record(commit.id)
        if record is None or record.operation != "revert" or found.get(commit.id, ("", False))[1]:
            continue
        found.setdefault(
            str(record.parameters.get("theirs")), (commit.id, not record.parameters.get("tensors"))
        )
    return found


def _was(repo: Repository, commit: Commit, result: str | None) -> bool:
    """Whether an earlier commit on the first-parent line has the weights that ``commit`` brought back."""
    earlier = islice(repo.log(commit.id, first_parent=True), 1, None)
    records = (repo.record(one.id) for one in earlier)
    return any((None if one is None else one.result) == result for one in records)


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
