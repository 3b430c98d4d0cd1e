"""Waves in a repository: beginning a schedule, the next wave of the one in force, one that was cut off.

A wave is a step whose record says where in its schedule it is. Where the schedule heals, a step that does so
follows. Knows no arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from compress import operations, resuming
from compress.architectures.heads import predicts
from compress.chain import step_of, steps
from compress.events import Report, unheard
from compress.model.building import on_meta
from compress.model.weights import Committed
from compress.operations.heal import SAMPLES
from compress.operations.prune import Prune
from compress.options import Options
from compress.running import Taken, take
from compress.waves.history import KEY, in_force, outlook, refused_on, wave_of
from compress.waves.schedule import Schedule, Wave
from mvc.errors import Refused, UsageError
from mvc.history.record import Json
from mvc.repository import Repository


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
    return _run(repo, of, first.next(refused_on(repo)), options, more)


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
    return _run(repo, of, outlook(found), options(found.step.options), more)


def resume(repo: Repository, **more: Any) -> Taken:
    """As ``compress.resuming.resume``; after a wave whose schedule heals, the heal follows as it would have."""
    taken = resuming.resume(repo, **more)
    step = None if taken.commit is None else step_of(repo, taken.commit)
    if step is None or KEY not in step.record.parameters:
        return taken
    report: Report = more.get("report") or unheard
    return _healed(repo, wave_of(step), taken, step.options, report)


def _run(repo: Repository, of: Prune, wave: Wave, options: Options, more: dict[str, Any]) -> Taken:
    report: Report = more.get("report") or unheard
    report("wave", number=wave.number, sparsity=wave.sparsity, step=wave.step)
    told: dict[str, Json] = {KEY: wave.written()}
    taken = take(repo, replace(of, sparsity=wave.sparsity), options, extra=told, **more)
    return _healed(repo, wave, taken, options, report)


def _healed(repo: Repository, wave: Wave, taken: Taken, options: Options, report: Report) -> Taken:
    """The heal after the wave ``taken``, if its schedule has one and it helps; else the wave."""
    if taken.commit is None or not wave.schedule.heal:
        return taken
    report("note", text=f"{taken.commit.id[:7]} {taken.commit.subject}; healing")
    said: dict[str, Any] = {"operation": "heal", "method": wave.schedule.heal}
    if not _predicts(repo, options):  # then there are only states to learn from
        said["distill"] = "cosine"
    _, heal = operations.read(said)
    # Kept only if it helps: the least that it may do is no harm.
    try:
        more = max(options.samples, SAMPLES)
        return take(repo, heal, replace(options, samples=more, limit="", message=""), report=report)
    except Refused as refusal:
        report("note", text=f"healing did not help, and is not kept: {refusal.message}")
        return taken


def _predicts(repo: Repository, options: Options) -> bool:
    return predicts(on_meta(Committed(repo, "HEAD", options.model)))


def _sparsity(repo: Repository) -> float:
    newest = next((step for step in steps(repo) if step.record.operation == "prune"), None)
    found = newest.recipe.get("sparsity") if newest is not None else None
    return float(found) if isinstance(found, float | int) else 0.0
