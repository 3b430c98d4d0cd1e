"""The run that was cut off: what it was, whether it can go on, going on with it, forgetting it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from compress import environment, operations, recipe
from compress.events import Report, unheard
from compress.fingerprint import check_same, fingerprint, nothing_cut_off
from compress.guard.limit import Verdict
from compress.options import Options
from compress.preparing import start
from compress.running import Taken, take
from compress.streaming.journal import Journal
from mvc.errors import UsageError
from mvc.history.record import Json
from mvc.repository import Repository
from mvc.values import dataclass


@dataclass(frozen=True, slots=True)
class CutOff:
    """Its recipe ``of``, how it was to run, what else its record would say; ``blocks`` are finished."""

    of: Any
    options: Options
    extra: Mapping[str, Json]
    blocks: int

    @property
    def summary(self) -> str:
        """The first line of its commit."""
        return operations.of(self.of).summary(self.of)


def resumable(
    repo: Repository,
    *,
    first: int | None = None,
    data: Sequence[str] = (),
    limit: str | None = None,
    seed: int | None = None,
) -> CutOff:
    """The run that ``resume`` with the same arguments would go on with; nothing changes.

    Raises:
        UsageError: as ``resume``.
    """
    environment.require()
    found = _cut_off(repo, data, limit, seed)
    operation, options = operations.of(found.of), found.options
    begun = start(repo, options, calibrate=operation.needs_gram(found.of))
    with environment.threads(options.threads):
        said = recipe.encode(operation.name, found.of)
        check_same(Journal(repo.folder).run(), fingerprint(begun, said, options, found.extra))
    if first is None:
        return found
    return replace(found, blocks=len(_before(Journal(repo.folder), first)))


def resume(
    repo: Repository,
    *,
    report: Report = unheard,
    first: int | None = None,
    data: Sequence[str] = (),
    limit: str | None = None,
    seed: int | None = None,
    confirm: Callable[[Verdict], bool] | None = None,
) -> Taken:
    """Go on with the run that was cut off; ``first`` forks it: only blocks before that one are taken over.

    ``data``: where the texts lie now; ``limit``: another one than it began with; ``seed``: to be sure of, as
    another one is another run. ``confirm``: as of ``take``.

    Raises:
        UsageError: there is none, or HEAD, data, seed or libraries are not those that it began with.
    """
    found = _cut_off(repo, data, limit, seed)
    journal = Journal(repo.folder)
    if first is not None:
        with journal.held():  # not under the hands of a run that is going on
            for key in {*journal.finished()} - {*_before(journal, first)}:
                journal.drop(key)
    return take(
        repo,
        found.of,
        found.options,
        report=report,
        resume=True,
        extra=found.extra,
        confirm=confirm,
    )


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


def _cut_off(repo: Repository, data: Sequence[str], limit: str | None, seed: int | None) -> CutOff:
    journal = Journal(repo.folder)
    run = journal.run()
    if run is None:
        raise nothing_cut_off()
    said, options, extra = run["recipe"], run["options"], run.get("extra")
    if not isinstance(said, dict) or not isinstance(options, dict):
        raise UsageError("the journal says nothing of the run", hint="mvc compress resume --drop")
    _, of = operations.read(said)
    given: dict[str, Any] = {"seed": run["seed"] if seed is None else seed}
    given |= {"data": list(data)} if data else {}
    given |= {"limit": limit} if limit else {}
    known: Options = recipe.decode(Options, {**options, **given})
    return CutOff(of, known, extra if isinstance(extra, dict) else {}, len(journal.finished()))


def _before(journal: Journal, first: int) -> list[str]:
    """The finished blocks before the block ``first``."""
    return [key for key in journal.finished() if key.isdecimal() and int(key) < first]
