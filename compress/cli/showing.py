"""A run as people see it, and as an event stream; what is said once it is over."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from compress.cli.session import Session
from mvc.history.record import Json

if TYPE_CHECKING:
    from compress.cli.choosing import Run
    from compress.events import Report
    from compress.running import Taken


@contextmanager
def reporting(session: Session, *, as_json: bool) -> Iterator[Report]:
    """Who hears of a run's events: a line of JSON each, or, at a terminal, a live view.

    Who interrupts a run is told how it goes on.
    """
    from compress.streaming.journal import Journal

    with _heard(session, as_json=as_json) as report:
        try:
            yield report
        except KeyboardInterrupt:
            if Journal(session.repository.folder).run() is not None:
                report("note", text="cut off; mvc compress resume goes on, --drop forgets it")
            raise


@contextmanager
def _heard(session: Session, *, as_json: bool) -> Iterator[Report]:
    if as_json:

        def line(event: str, /, **fields: Json) -> None:
            session.output.show([json.dumps({"event": event, **fields}, allow_nan=False)])

        line("begin", schema="mvc.compress-events/1")
        yield line
    elif sys.stderr.isatty() and not session.output.quiet:
        from compress.cli.live import live

        with live() as report:
            yield report
    else:
        yield plain(session)


def plain(session: Session) -> Report:
    """Notes and warnings alone, for a pipe or a log."""
    new = unsaid()

    def hear(event: str, /, **fields: Json) -> None:
        session.output.note(new(event, fields))

    return hear


def unsaid() -> Callable[[str, Mapping[str, Json]], list[str]]:
    """What an event has to say in words; what was said of a block is not said again of the next."""
    said: set[str] = set()

    def words(event: str, fields: Mapping[str, Json]) -> list[str]:
        found = [f"{event}: {fields['text']}"] if event in ("note", "warning") else []
        for text in _texts(fields.get("warnings")):
            alike = re.sub(r"\.[0-9]+\.", ".", text)
            if alike not in said:
                said.add(alike)
                found.append(f"warning: {text}")
        return found

    return words


def run_recipe(session: Session, recipe: Any, run: Run) -> Taken:
    """Run ``recipe`` on HEAD and say what came of it."""
    from compress.running import take

    return run_step(
        session, run, lambda **more: take(session.repository, recipe, run.options, **more)
    )


def run_step(session: Session, run: Run, step: Callable[..., Taken]) -> Taken:
    """Have ``step`` take one, as ``run`` has it, and say what came of it."""
    with reporting(session, as_json=run.as_json) as report:
        taken = step(
            report=report,
            dry_run=run.dry_run or run.rehearse,
            sample=run.dry_run and not run.rehearse,
            confirm=asking(session) if run.confirm else None,
        )
    if not run.as_json:
        session.output.show(lines(taken, dry_run=run.dry_run or run.rehearse))
    return taken


def lines(taken: Taken, *, dry_run: bool = False) -> Iterator[str]:
    """What came of a step."""
    verdict = taken.verdict
    if taken.foretold is not None:
        yield from _foretold(taken)
        return
    if taken.commit is not None:
        yield f"[{taken.commit.id[:7]}] {taken.commit.subject}"
    elif dry_run:
        word = "would be refused" if verdict.refused else "would be committed"
        yield f"dry run: {word}; nothing has changed"
    else:
        yield "not committed"
    yield f"  {worse(taken)}"
    for name in sorted(taken.after.values):
        if name != verdict.metric:
            was, now = taken.before.values.get(name), taken.after.values[name]
            yield f"  {name} {'' if was is None else f'{was:.4g} → '}{now:.4g}"
    if taken.rolled_back:
        yield f"  rolled back: {len(taken.rolled_back)} weights stay as they were"
    before, after = taken.sizes
    yield f"  tensors {size(before)} → {size(after)}"


def _foretold(taken: Taken) -> Iterator[str]:
    told, verdict = taken.foretold, taken.verdict
    assert told is not None
    word = "refused" if verdict.refused else "committed"
    said = f"told from {told.blocks} of {told.of} blocks, each changed alone"
    if told.blocks == told.of:
        said = f"told from all {told.of} blocks, each changed alone"
    yield f"dry run: would be {word}, {said}; nothing has changed"
    yield f"  {worse(taken)}"
    before, after = told.sizes
    yield f"  tensors {size(before)} → {'' if told.exact else 'about '}{size(after)}"
    yield "  --rehearse does all of it, and commits nothing"


def worse(taken: Taken) -> str:
    """``perplexity 17.63 → 20.09: 14.0% worse (13.1% to 14.8%), limit 3%``."""
    verdict = taken.verdict
    said = f"{verdict.metric} {verdict.before:.5g} → {verdict.after:.5g}"

    def shown(value: float) -> str:
        return f"{value:.1%}" if verdict.limit.relative else f"{value:.4g}"

    mean = verdict.worse.mean
    word = "worse" if mean >= 0 else "better"
    said += f": {shown(abs(mean))} {word}"
    if verdict.worse.low != verdict.worse.high:
        said += f" ({shown(verdict.worse.low)} to {shown(verdict.worse.high)})"
    return f"{said}, limit {verdict.limit}"


def size(count: int) -> str:
    """Bytes in powers of 1000."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.1f} {unit}" if unit != "B" else f"{count} B"
        amount /= 1000
    return f"{amount:.1f} TB"


def asking(session: Session) -> Callable[[Any], bool]:
    """Who is asked about a verdict before the commit: whoever sits at the terminal."""

    def ask(verdict: Any) -> bool:
        import click

        words = f"{verdict.metric} {verdict.before:.5g} → {verdict.after:.5g}"
        return click.confirm(f"{words}: commit?", err=True)

    return ask


def _texts(value: Json) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []
