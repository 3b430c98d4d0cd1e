"""The schedule in force, told from records: its waves so far, and the outlook of the next.

In force is the schedule of the newest wave on HEAD's first-parent line; its tries that were refused on this
HEAD count against it. Nothing is kept besides records and refused tries. Imports no framework: ``status`` asks.
"""

from __future__ import annotations

from typing import Any

from compress.chain import Step, step_of, steps
from compress.guard.limit import DEFAULT, Limit
from compress.waves.forecast import Seen, forecast
from compress.waves.schedule import Wave
from mvc.errors import UsageError
from mvc.repository import Repository
from mvc.values import dataclass

#: What a record says of a wave, among its parameters.
KEY = "schedule"


@dataclass(frozen=True, slots=True)
class Current:
    """The newest wave, with all that were before it in its schedule, oldest first; ``refused`` since then."""

    wave: Wave
    step: Step
    before: tuple[Step, ...]
    refused: int


def in_force(repo: Repository) -> Current | None:
    """The schedule in force; None without one."""
    if repo.head is None:
        return None
    line: list[Step] = []
    for step in steps(repo):
        said = step.record.parameters.get(KEY)
        if isinstance(said, dict):
            line.append(step)
            if said.get("wave") == 1:
                break
        elif line and step.record.operation == "prune":
            break
    if not line:
        return None
    return Current(wave_of(line[0]), line[0], tuple(line[::-1]), refused_on(repo))


def outlook(found: Current) -> Wave:
    """The wave to come; UsageError if there is none."""
    limit = Limit.parse(str(found.step.ran_with.get("limit") or DEFAULT))
    worse = _worse(found.step)
    ease = worse / limit.amount if limit.amount else 1.0
    return found.wave.next(found.refused, ease)


def history(repo: Repository) -> dict[str, Any] | None:
    """The waves so far and what the next will cost; None without a schedule."""
    found = in_force(repo)
    if found is None:
        return None
    waves = [
        {
            "commit": step.commit.id,
            "wave": wave_of(step).number,
            "sparsity": wave_of(step).sparsity,
            "worse": _worse(step),
            "metrics": dict(step.record.metrics),
        }
        for step in found.before
    ]
    told: dict[str, Any] = {**found.wave.written(), "history": waves, "refused": found.refused}
    try:
        coming = outlook(found)
    except UsageError as error:
        return {**told, "next": None, "why": error.message}
    seen = [Seen(wave_of(s).sparsity, wave_of(s).step, _worse(s)) for s in found.before]
    damage = forecast(seen, coming.sparsity, coming.step)
    ends = None if damage is None else [damage.mean, damage.low, _finite(damage.high)]
    return {**told, "next": {"sparsity": coming.sparsity, "worse": ends}, "why": None}


def refused_on(repo: Repository) -> int:
    """How many waves were refused on this HEAD."""
    count = 0
    for commit in repo.steps.refused().values():
        if repo.head in commit.parents[:1]:
            tried = step_of(repo, commit)
            if tried is not None and KEY in tried.record.parameters:
                count += 1
    return count


def wave_of(step: Step) -> Wave:
    """The wave that ``step`` is."""
    said = step.record.parameters[KEY]
    return Wave.read(said if isinstance(said, dict) else {})


def _worse(step: Step) -> float:
    verdict = step.record.parameters.get("verdict")
    found = verdict.get("worse") if isinstance(verdict, dict) else None
    return float(found) if isinstance(found, float | int) else 0.0


def _finite(value: float) -> float | None:
    return value if value < float("inf") else None
