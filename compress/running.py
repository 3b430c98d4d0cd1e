"""A step from end to end: evaluate, apply, check, evaluate, ask the guard, commit with the record; or nothing.

Owns the order. Until the commit everything is in the journal, which a run that was cut off goes on from; after
it, or after a refusal, the journal is empty. A refused step is kept on a ref of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from compress import environment, operations, recipe, telling
from compress.chain import steps
from compress.editing import Edited, edits_of, verified
from compress.evaluation.evaluator import Subject
from compress.evaluation.measurement import BETTER, Measurement
from compress.events import Report, unheard
from compress.guard.limit import DEFAULT, Limit, Verdict, judge, require
from compress.guard.spikes import trend
from compress.guard.watch import Watch
from compress.operation import Operation
from compress.options import Options
from compress.preparing import Start, start
from compress.streaming.journal import Journal, Scratch, same
from mvc.errors import MvcError, UsageError
from mvc.history.git import Commit
from mvc.history.record import Json
from mvc.history.step import Step
from mvc.repository import Repository
from mvc.values import dataclass


class Refused(MvcError):
    """The guard did not let a step land; ``number`` names the refused try."""

    exit_code = 11

    def __init__(self, verdict: Verdict, number: int) -> None:
        super().__init__(
            f"refused: {'; '.join(verdict.reasons)}; the branch has not moved",
            hint=f"--limit raises it; mvc show refs/mvc/refused/{number} shows what was tried",
        )
        self.verdict, self.number = verdict, number


@dataclass(frozen=True, slots=True)
class Taken:
    """``commit``: None for a dry run."""

    commit: Commit | None
    verdict: Verdict
    before: Measurement
    after: Measurement
    sizes: tuple[int, int]
    warnings: tuple[str, ...]


def take(
    repo: Repository,
    of: Any,
    options: Options,
    *,
    report: Report = unheard,
    dry_run: bool = False,
    resume: bool = False,
    extra: Mapping[str, Json] | None = None,
    confirm: Callable[[Verdict], bool] | None = None,
) -> Taken:
    """Run the recipe ``of`` on HEAD.

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
    journal = Scratch(repo.folder) if dry_run else Journal(repo.folder)
    with environment.threads(options.threads), journal.held():
        fingerprint = _fingerprint(begun, recipe.encode(operation.name, of), options, extra or {})
        if not resume or dry_run:
            journal.begin(fingerprint)
        else:
            _same_run(journal, fingerprint)
        before = telling.known(begun) or begun.evaluator.measure(begun.parent, report)
        require(before, options.metric)
        report("measured", of="parent", **telling.values(before))
        standing = edits_of(repo, operation, of, begun, options, journal, report)
        edited = Edited(journal.layers())
        verified(begun, operation, edited)
        config = edited.config(operation, of, begun.parent.skeleton)
        overlaid = edited.judged(operation, begun.parent.skeleton, config)
        after = begun.evaluator.measure(Subject(begun.parent.committed, overlaid), report)
        report("measured", of="result", **telling.values(after))
        verdict = _judged(operation, options, before, after)
        report("verdict", **verdict.written())
        decline = _decline(repo, begun.onto, verdict)
        if decline:
            report("warning", text=decline)
        sizes = edited.sizes(begun.parent.committed)
        warnings = tuple(text for layer in edited.layers for text in layer.warnings)
        taken = Taken(None, verdict, before, after, sizes, warnings)
        if dry_run:
            journal.clear()
            return taken
        if confirm is not None and not verdict.refused and not confirm(verdict):
            journal.clear()
            return taken
        said = telling.parameters(
            operation, of, options, begun, edited.layers, (before, after), verdict, standing,
            extra or {},
        )  # fmt: skip
        step = Step(
            onto=begun.onto,
            message=options.message
            or telling.message(operation.summary(of), verdict, after, begun.chain),
            operation=operation.name,
            model=begun.parent.committed.path,
            tensors=edited,
            files=edited.files(begun.parent.committed, config),
            parameters=said,
            seed=options.seed,
            versions=environment.versions(),
            metrics=telling.metrics(after),
            allow_empty=_promised(begun) != standing.held,
        )
        if verdict.refused:
            number, _ = repo.steps.refuse(step)
            journal.clear()
            raise Refused(verdict, number)
        commit = repo.steps.commit(step)
        journal.clear()
        report("committed", commit=commit.id)
        return Taken(commit, verdict, before, after, sizes, warnings)


def resume(repo: Repository, *, report: Report = unheard, first: int | None = None) -> Taken:
    """Go on with the run that was cut off; ``first`` forks it: only blocks before that one are taken over.

    Raises:
        UsageError: there is none, or HEAD, the data or the libraries are not those that it began with.
    """
    journal = Journal(repo.folder)
    run = journal.run()
    if run is None:
        raise UsageError("there is no run to resume", hint="mvc compress status")
    said, options = run["recipe"], run["options"]
    if not isinstance(said, dict) or not isinstance(options, dict):
        raise UsageError("the journal says nothing of the run", hint="mvc compress resume --drop")
    _, of = operations.read(said)
    known = recipe.decode(Options, {**options, "seed": run["seed"]})
    extra = run.get("extra")
    if first is not None:
        for key in journal.finished():
            if not key.isdecimal() or int(key) >= first:
                journal.drop(key)
    more = extra if isinstance(extra, dict) else {}
    return take(repo, of, known, report=report, resume=True, extra=more)


def _fingerprint(
    begun: Start, said: dict[str, Json], options: Options, extra: Mapping[str, Json]
) -> dict[str, Json]:
    return {
        "head": begun.onto,
        "recipe": said,
        "options": telling.options_told(options),
        "seed": options.seed,
        "calibration": None if begun.calibration is None else begun.calibration.digest,
        "environment": environment.told(),
        "versions": dict(environment.versions()),
        "extra": dict(extra),
    }


def _same_run(journal: Journal, fingerprint: Mapping[str, Json]) -> None:
    other = same(journal.run() or {}, fingerprint)
    if other:
        raise UsageError(
            f"what was cut off began with other {', '.join(other)} than are here now",
            hint="go back to them, or begin anew: the same command without resume",
        )


def _decline(repo: Repository, onto: str, verdict: Verdict) -> str | None:
    """Whether the steps of the chain, each within its limit, add up to a slow decline."""
    before = [step.record.metrics.get(verdict.metric) for step in steps(repo, onto)]
    values = [value for value in reversed(before) if value is not None]
    sign = -1.0 if BETTER.get(verdict.metric) == "higher" else 1.0
    found = trend([sign * value for value in (*values, verdict.after)])
    if found is None:
        return None
    return f"{verdict.metric} declines over {len(values) + 1} steps ({found.score:.1f} deviations)"


def _promised(begun: Start) -> Mapping[str, Mapping[str, Json]]:
    """The invariants in force before the step: to end them is a step, too."""
    newest = begun.chain.newest
    return {} if newest is None else newest.standing.held


def _judged(
    operation: Operation, options: Options, before: Measurement, after: Measurement
) -> Verdict:
    """By what was asked for, or by what the operation is for."""
    metric = options.metric or (operation.metric if operation.metric in after.values else "")
    must_help = operation.must_help and not options.limit
    limit = Limit(0.0, False) if must_help else Limit.parse(options.limit or DEFAULT)
    return judge(before, after, metric or _metric(after), limit, must_help=must_help)


def _metric(after: Measurement) -> str:
    """The first that there is of what is known, in order of weight; or the command's own."""
    for name in ("perplexity", *BETTER):
        if name in after.values:
            return name
    return next(iter(after.values))


def drop_run(repo: Repository) -> None:
    """Forget the run that was cut off.

    Raises:
        UsageError: there is none.
    """
    journal = Journal(repo.folder)
    with journal.held():
        if journal.run() is None and not journal.finished():
            raise UsageError("there is no run to forget")
        journal.clear()
