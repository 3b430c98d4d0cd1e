"""A step from end to end: evaluate, apply, check, evaluate, ask the guard, commit with the record; or nothing.

Owns the order. Until the commit everything is in the journal, which a run that was cut off goes on from; after
it, after a refusal or an error that would come again, the journal is empty. A refused step is kept on a ref of
its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from compress import environment, operations, recipe, telling
from compress.chain import steps
from compress.editing import edits_of
from compress.evaluation.measurement import Measurement
from compress.events import Report, unheard
from compress.foretelling import Foretold, foretold
from compress.guard.limit import Limit, Verdict, require
from compress.guard.spikes import trend
from compress.guard.watch import Watch
from compress.memory import explained
from compress.options import Options
from compress.preparing import Start, start
from compress.streaming.journal import Journal, Scratch, same
from compress.trying import Made, Trying, check_rollback
from mvc import errors
from mvc.errors import UsageError
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
    with environment.threads(options.threads), journal.held(), ExitStack() as during:
        fingerprint = _fingerprint(begun, recipe.encode(operation.name, of), options, extra or {})
        if not resume or dry_run:
            journal.begin(fingerprint)
        else:
            _same_run(journal, fingerprint)
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
        made = whole = trying.made(journal.layers())
        if made.verdict.refused and options.rollback:
            made = trying.without(whole, options.rollback)
            report("rollback", weights=list(made.rolled_back))
        decline = _decline(repo, begun.onto, made)
        if decline:
            report("warning", text=decline)
        taken = _taken(begun, before, made)
        declined = confirm is not None and not made.verdict.refused and not confirm(made.verdict)
        if dry_run or declined:
            journal.clear()
            return taken
        if whole.verdict.refused:
            number, _ = repo.steps.refuse(trying.step(whole, extra or {}))
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


def resume(
    repo: Repository,
    *,
    report: Report = unheard,
    first: int | None = None,
    data: Sequence[str] = (),
    limit: str | None = None,
    confirm: Callable[[Verdict], bool] | None = None,
) -> Taken:
    """Go on with the run that was cut off; ``first`` forks it: only blocks before that one are taken over.

    ``data``: where the texts lie now; ``limit``: another one than it began with. ``confirm``: as of ``take``.

    Raises:
        UsageError: there is none, or HEAD, the data or the libraries are not those that it began with.
    """
    journal = Journal(repo.folder)
    run = journal.run()
    if run is None:
        raise _nothing_cut_off()
    said, options = run["recipe"], run["options"]
    if not isinstance(said, dict) or not isinstance(options, dict):
        raise UsageError("the journal says nothing of the run", hint="mvc compress resume --drop")
    _, of = operations.read(said)
    given = {"data": list(data), "limit": limit, "seed": run["seed"]}
    known = recipe.decode(
        Options, {**options, **{k: v for k, v in given.items() if v or k == "seed"}}
    )
    extra = run.get("extra")
    if first is not None:
        with journal.held():  # not under the hands of a run that is going on
            for key in journal.finished():
                if not key.isdecimal() or int(key) >= first:
                    journal.drop(key)
    more = extra if isinstance(extra, dict) else {}
    return take(repo, of, known, report=report, resume=True, extra=more, confirm=confirm)


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
    run = journal.run()
    if run is None:
        raise _nothing_cut_off()
    other = same(_comparable(run), _comparable(fingerprint))
    if other:
        raise UsageError(
            f"what was cut off began with other {', '.join(other)} than are here now",
            hint="go back to them, or begin anew: the same command without resume",
        )


def _comparable(fingerprint: Mapping[str, Json]) -> dict[str, Json]:
    """Without what does not change what comes out: texts count by their digest, wherever they lie."""
    options = fingerprint.get("options")
    known = options if isinstance(options, dict) else {}
    kept = {word: value for word, value in known.items() if word not in ("data", "limit")}
    return {**fingerprint, "options": kept}


def _nothing_cut_off() -> UsageError:
    return UsageError("there is no run to resume", hint="mvc compress status")


def _decline(repo: Repository, onto: str, made: Made) -> str | None:
    """Whether the steps of the chain, each within its limit, add up to a slow decline."""
    verdict = made.verdict
    before = [step.record.metrics.get(verdict.metric) for step in steps(repo, onto)]
    values = [value for value in reversed(before) if value is not None]
    sign = made.after.sign(verdict.metric)
    found = trend([sign * value for value in (*values, verdict.after)])
    if found is None:
        return None
    return f"{verdict.metric} declines over {len(values) + 1} steps ({found.score:.1f} deviations)"


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
