"""A step from end to end: evaluate, apply, check, evaluate, ask the guard, commit with the record; or nothing.

Owns the order. Until the commit everything is in the journal, which a run that was cut off goes on from; after
it, after a refusal or an error that would come again, the journal is empty. A refused step is kept on a ref of
its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from compress import environment, operations, recipe, telling
from compress.chain import steps
from compress.editing import edits_of
from compress.evaluation.measurement import Measurement
from compress.events import Report, unheard
from compress.fingerprint import check_same, fingerprint
from compress.foretelling import Foretold, foretold
from compress.guard.limit import Limit, Verdict, require
from compress.guard.spikes import trend
from compress.guard.watch import Watch
from compress.memory import explained
from compress.options import Options
from compress.preparing import Start, start
from compress.streaming.journal import Journal, Scratch
from compress.trying import Made, Trying, check_rollback
from mvc import errors
from mvc.history.git import Commit
from mvc.history.record import Json
from mvc.repository import Repository
from mvc.values import dataclass

#: What to lower where memory is short and no part of a run can say it better.
_LESS = (
    "mvc compress resume where more memory is free; or anew with fewer or shorter sequences: "
    "--samples 16 --judged 8 --length 128"
)


class Refused(errors.Refused):
    """The guard did not let a step land; ``number`` names the refused try."""

    def __init__(self, verdict: Verdict, number: int) -> None:
        super().__init__(
            f"refused: {'; '.join(verdict.reasons)}; the branch has not moved",
            hint=f"--limit raises it; mvc show refs/mvc/refused/{number} shows what was tried",
        )
        self.verdict, self.number = verdict, number


@dataclass(frozen=True, slots=True)
class Taken:
    """``commit``: None for a dry run; ``foretold``: what it was told from, of one by a sample.

    ``rolled_back``: weights that the guard left as they were.
    """

    commit: Commit | None
    verdict: Verdict
    before: Measurement
    after: Measurement
    sizes: tuple[int, int]
    warnings: tuple[str, ...]
    rolled_back: tuple[str, ...] = ()
    foretold: Foretold | None = None


def take(
    repo: Repository,
    of: Any,
    options: Options,
    *,
    report: Report = unheard,
    dry_run: bool = False,
    sample: bool = False,
    resume: bool = False,
    extra: Mapping[str, Json] | None = None,
    confirm: Callable[[Verdict], bool] | None = None,
) -> Taken:
    """Run the recipe ``of`` on HEAD.

    ``dry_run``: commit nothing; with ``sample``, tell from a few blocks what would come of it.
    ``resume``: go on with what the journal has of the same run. ``extra``: more for the record. ``confirm``: is
    asked about a verdict before the commit, and may say no.

    Raises:
        Refused: the guard said no.
        UsageError: something is missing or off; the message says how to give it.
        MvcError: no numbers, a singular G, out of memory, a broken invariant.
    """
    environment.require()
    report = Watch(report)
    operation = operations.of(of)
    if options.limit:
        Limit.parse(options.limit)  # a word that is off is refused before hours of work
    repo.steps.ready()
    begun = start(repo, options, calibrate=operation.needs_gram(of))
    check_rollback(begun, of, options.rollback)
    journal = Scratch(repo.folder) if dry_run else Journal(repo.folder)
    held = journal.held(whole=operation.change is not None)
    with environment.threads(options.threads), held, ExitStack() as during:
        now = fingerprint(begun, recipe.encode(operation.name, of), options, extra or {})
        if not resume or dry_run:
            journal.begin(now)
        else:
            check_same(journal.run(), now)
        during.enter_context(journal.worth_resuming())
        during.enter_context(
            explained(f"while {operation.name} runs; the branch has not moved", _LESS)
        )
        for text in begun.warnings:
            report("warning", text=text)
        before = telling.known(begun) or begun.evaluator.measure(begun.parent, report)
        require(before, options.metric)
        report("measured", of="parent", **telling.values(before))
        if dry_run and sample:
            told = foretold(repo, operation, of, options, begun, before, journal, report)
            journal.clear()
            report("foretold", blocks=told.blocks, of=told.of, **told.verdict.written())
            after = Measurement({told.verdict.metric: told.verdict.after})
            return Taken(None, told.verdict, before, after, told.sizes, (), foretold=told)
        edits_of(repo, operation, of, begun, options, journal, report)
        trying = Trying(operation, of, options, begun, before, report)
        made = tried = trying.made(journal.layers())
        if made.verdict.refused and options.rollback:
            made = trying.without(tried, options.rollback)
            report("rollback", weights=list(made.rolled_back))
        for text in _decline(repo, begun.onto, made):
            report("warning", text=text)
        taken = _taken(begun, before, made)
        declined = confirm is not None and not made.verdict.refused and not confirm(made.verdict)
        if dry_run or declined:
            journal.clear()
            return taken
        if tried.verdict.refused:
            number, _ = repo.steps.refuse(trying.step(tried, extra or {}))
            report("refused", number=number, ref=f"refs/mvc/refused/{number}")
            if made.verdict.refused:
                journal.clear()
                raise Refused(made.verdict, number)
            report("note", text=f"as a whole it was refused: refs/mvc/refused/{number}")
        commit = repo.steps.commit(trying.step(made, extra or {}))
        journal.clear()
        report("committed", commit=commit.id)
        return replace(taken, commit=commit)


def _taken(begun: Start, before: Measurement, made: Made) -> Taken:
    sizes = made.edited.sizes(begun.parent.committed)
    warnings = tuple(text for layer in made.edited.layers for text in layer.warnings)
    return Taken(None, made.verdict, before, made.after, sizes, warnings, made.rolled_back)


def _decline(repo: Repository, onto: str, made: Made) -> list[str]:
    """What there is to say where the steps of the chain, each within its limit, add up to a slow decline."""
    verdict = made.verdict
    before = [step.record.metrics.get(verdict.metric) for step in steps(repo, onto)]
    values = [value for value in reversed(before) if value is not None]
    sign = made.after.sign(verdict.metric)
    found = trend([sign * value for value in (*values, verdict.after)])
    if found is None:
        return []
    return [
        f"{verdict.metric} declines over {len(values) + 1} steps ({found.score:.1f} deviations)"
    ]
