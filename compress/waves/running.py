"""Waves in a repository: beginning a schedule, the next wave of the one in force, its history and outlook.

The schedule in force is that of the newest wave on HEAD's first-parent line; its tries that were refused on
this HEAD count against it. Nothing is kept besides records and refused tries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from compress import operations, recipe
from compress.chain import Step, step_of, steps
from compress.events import Report, unheard
from compress.guard.limit import DEFAULT, Limit
from compress.operations.prune import Prune
from compress.options import Options
from compress.running import Taken, take
from compress.waves.forecast import Seen, forecast
from compress.waves.schedule import Schedule, Wave
from mvc.errors import Refused, UsageError
from mvc.history.record import Json
from mvc.repository import Repository
from mvc.values import dataclass

_KEY = "schedule"


@dataclass(frozen=True, slots=True)
class Current:
    """The newest wave, with all that were before it in its schedule, oldest first; ``refused`` since then."""

    wave: Wave
    step: Step
    before: tuple[Step, ...]
    refused: int


def begin(
    repo: Repository,
    of: Prune,
    schedule: Schedule,
    options: Options,
    **more: Any,
) -> Taken:
    """The first wave of a new schedule.

    Raises:
        UsageError: the recipe has a pattern, of which there are no parts.
        Refused: the guard said no; the same again tries half of it.
    """
    if of.pattern != "unstructured":
        raise UsageError(f"{of.pattern} can't be had in waves: it is all or nothing")
    schedule = replace(schedule, start=_sparsity(repo))
    first = Wave(schedule, 0, schedule.start)
    return _run(repo, of, first.next(_refused(repo)), options, more)


def next_wave(
    repo: Repository, options: Callable[[Options], Options] = lambda known: known, **more: Any
) -> Taken:
    """The next wave of the schedule in force; ``options`` may change what the last one was run with.

    Raises:
        UsageError: there is no schedule, it is done, or it has stopped.
        Refused: the guard said no; the same again tries half of it.
    """
    found = in_force(repo)
    if found is None:
        raise UsageError(
            "no schedule of waves is in force on this branch",
            hint="mvc compress prune --waves N --to S begins one",
        )
    _, of = operations.read(found.step.recipe)
    known = found.step.record.parameters.get("options")
    told: dict[str, Any] = dict(known) if isinstance(known, dict) else {}
    last: Options = recipe.decode(Options, {**told, "seed": found.step.record.seed or 0})
    return _run(repo, of, outlook(found), options(last), more)


def in_force(repo: Repository) -> Current | None:
    """The schedule in force; None without one."""
    line: list[Step] = []
    for step in steps(repo):
        said = step.record.parameters.get(_KEY)
        if isinstance(said, dict):
            line.append(step)
            if said.get("wave") == 1:
                break
        elif line and step.record.operation == "prune":
            break
    if not line:
        return None
    return Current(_wave(line[0]), line[0], tuple(line[::-1]), _refused(repo))


def outlook(found: Current) -> Wave:
    """The wave to come; UsageError if there is none."""
    limit = Limit.parse(str(_options(found.step).get("limit") or DEFAULT))
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
            "wave": _wave(step).number,
            "sparsity": _wave(step).sparsity,
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
    seen = [Seen(_wave(s).sparsity, _wave(s).step, _worse(s)) for s in found.before]
    damage = forecast(seen, coming.sparsity, coming.step)
    ends = None if damage is None else [damage.mean, damage.low, _finite(damage.high)]
    return {**told, "next": {"sparsity": coming.sparsity, "worse": ends}, "why": None}


def _run(repo: Repository, of: Prune, wave: Wave, options: Options, more: dict[str, Any]) -> Taken:
    report: Report = more.get("report") or unheard
    report("wave", number=wave.number, sparsity=wave.sparsity, step=wave.step)
    told: dict[str, Json] = {_KEY: wave.written()}
    taken = take(repo, replace(of, sparsity=wave.sparsity), options, extra=told, **more)
    if taken.commit is None or not wave.schedule.heal:
        return taken
    _, heal = operations.read({"operation": "heal", "method": wave.schedule.heal})
    # Kept only if it helps: the least that it may do is no harm.
    try:
        return take(repo, heal, replace(options, limit="", message=""), report=report)
    except Refused as refusal:
        report("note", text=f"healing did not help, and is not kept: {refusal.message}")
        return taken


def _sparsity(repo: Repository) -> float:
    newest = next((step for step in steps(repo) if step.record.operation == "prune"), None)
    found = newest.recipe.get("sparsity") if newest is not None else None
    return float(found) if isinstance(found, float | int) else 0.0


def _refused(repo: Repository) -> int:
    """How many waves were refused on this HEAD."""
    count = 0
    for commit in repo.steps.refused().values():
        if repo.head in commit.parents[:1]:
            tried = step_of(repo, commit)
            if tried is not None and _KEY in tried.record.parameters:
                count += 1
    return count


def _wave(step: Step) -> Wave:
    said = step.record.parameters[_KEY]
    return Wave.read(said if isinstance(said, dict) else {})


def _worse(step: Step) -> float:
    verdict = step.record.parameters.get("verdict")
    found = verdict.get("worse") if isinstance(verdict, dict) else None
    return float(found) if isinstance(found, float | int) else 0.0


def _options(step: Step) -> dict[str, Json]:
    said = step.record.parameters.get("options")
    return said if isinstance(said, dict) else {}


def _finite(value: float) -> float | None:
    return value if value < float("inf") else None
