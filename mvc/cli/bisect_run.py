"""``mvc bisect run``: the tests done by a command, judged by its exit code or by a number that it prints."""

from __future__ import annotations

import hashlib
import math
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from mvc.cli.app import Session
from mvc.cli.bisected import code_of, show
from mvc.cli.commanding import run_command
from mvc.cli.evaluators import Evaluator, evaluator
from mvc.errors import MvcError, UsageError

if TYPE_CHECKING:
    from mvc.history.bisection import Bisection
    from mvc.history.tolerance import Tolerance
    from mvc.ids import CommitId
    from mvc.worktree.ahead import Ahead
    from mvc.worktree.bisect import Step

_SKIP = 125
#: What a shell says of a command that it can't run: the test itself may be at fault.
_SUSPICIOUS = (126, 127)


def run(session: Session, cmd: Sequence[str]) -> int:
    """Judge by exit codes until the search ends; gives the exit code of Git."""
    search, first = _ready(session), True
    bisect = session.repository.bisect
    with bisect.ahead() as ahead:
        while True:
            session.output.show([f"running {_typed(cmd)}"])
            bisect.expect(ahead)
            code = run_command(cmd)
            if first and code in _SUSPICIOUS:
                _verify(session, cmd, search, code, ahead)
            first = False
            if not 0 <= code < 128:
                said = f"bisect run failed: exit code {code} from {_typed(cmd)} is < 0 or >= 128"
                _abort(said, code)
            bad, good = search.words
            state = "skip" if code == _SKIP else bad if code else good
            step = bisect.mark(state, ahead=ahead)
            search = step.search
            if _ended(session, step):
                return 0


def run_metric(
    session: Session,
    cmd: Sequence[str],
    name: str,
    tolerance: Tolerance,
    *,
    again: bool,
    data: Sequence[str] = (),
) -> int:
    """Judge by a number until the search ends; what is known already needs no checkout."""
    _ready(session)
    bisect = session.repository.bisect
    with bisect.ahead() as ahead:
        measuring = _Measuring(session, cmd, name, again, ahead)
        if data and not cmd:
            measuring.use(evaluator(name), data)
        good = measuring.of_good(tolerance)
        step = bisect.next(stay=measuring.stays, ahead=ahead)
        while step.kind in ("testing", "merge base"):
            assert step.commit is not None
            show(session, step)
            value = measuring.value(step.commit)
            bad, fine = step.search.words
            judged = "skip" if value is None else bad if tolerance.is_bad(value, good) else fine
            if value is not None:
                session.output.show([f"{name} {value:g}: {judged}"])
            step = bisect.mark(judged, [step.commit], stay=measuring.stays, ahead=ahead)
    _ended(session, step)
    if step.kind == "found" and step.commit is not None:
        measuring.doubt(step, tolerance, good)
    session.output.note([f"{measuring.done} measured, {measuring.known} remembered"])
    return 0


class _Measuring:
    """What is known of commits, and what the command says of others: meanwhile the next files are built."""

    def __init__(
        self, session: Session, cmd: Sequence[str], name: str, again: bool, ahead: Ahead
    ) -> None:
        self._session = session
        self._repository = session.repository
        self._cmd = cmd
        self._name = name
        self._again = again
        self._ahead = ahead
        self._found: dict[CommitId, float | None] = {}
        self._evaluator: Evaluator | None = None
        self._data: Sequence[str] = ()
        self._how = f"mvc bisect run --metric {name}"
        self.done = self.known = 0

    def use(self, found: Evaluator | None, data: Sequence[str]) -> None:
        """Measure with a built-in evaluator; values of other texts, as records have them, don't compare."""
        self._evaluator, self._data = found, data
        self._how += "".join(f" --data {path} ({_digest(path)})" for path in data)

    def stays(self, id_: CommitId) -> bool:
        """Whether a commit is measured, or known, without being checked out."""
        return self._evaluator is not None or self.knows(id_)

    def of_good(self, tolerance: Tolerance) -> float:
        """The value to compare with: that of the newest good commit, where one is needed."""
        search = self._repository.bisect.search
        assert search is not None and search.bad is not None
        if not tolerance.needs_good:
            return math.nan
        commits = [self._repository.read_commit(id_) for id_ in search.good]
        newest = max(commits, key=lambda commit: commit.committer.time).id
        away = not self.stays(newest)
        if search.expected is not None and search.expected == self._repository.head:
            # It is here: later it would be checked out again.
            self.value(search.expected, [newest] if away else ())
        if away:
            self._repository.bisect.visit(newest, ahead=self._ahead)
        value = self.value(newest)
        if value is None or math.isnan(value):
            raise MvcError(
                f"the good commit {newest[:7]} has no {self._name} to compare with",
                hint="--above X or --below X compare with a number",
            )
        limit = tolerance.limit(value)
        self._session.output.show([f"{self._name} {value:g} is good, the limit is {limit:g}"])
        return value

    def knows(self, id_: CommitId) -> bool:
        """Whether the weights of a commit need not be measured (again)."""
        if id_ in self._found:
            return True
        if self._again or self._name not in (known := self._repository.metrics.of(id_)):
            return False
        if self._evaluator is not None and self._data and known[self._name].how != self._how:
            return False
        self._found[id_] = known[self._name].value
        self.known += 1
        return True

    def value(self, id_: CommitId, next_: Sequence[CommitId] = ()) -> float | None:
        """What is known of a commit, or what the command says of it; None when it can't be tested.

        ``next_`` are checked out afterwards, if that is no matter of what it says.
        """
        if not self.knows(id_):
            self._found[id_] = self._measure(id_, next_)
        return self._found[id_]

    def doubt(self, step: Step, tolerance: Tolerance, good: float) -> None:
        """Say so where the commit that was found is bad on the user's word alone."""
        assert step.commit is not None
        what, word = f"{self._name} of {step.commit[:7]}", step.search.words[0]
        said = "was not measured"
        if self.knows(step.commit):
            value = self._found[step.commit]
            if value is None or tolerance.is_bad(value, good):
                return
            said = f"is {value:g}, which is {step.search.words[1]} by this limit"
        click.echo(f"warning: {what} {said}: it is {word} because you said so", err=True)

    def _measure(self, id_: CommitId, next_: Sequence[CommitId]) -> float | None:
        if self._evaluator is not None:
            found = self._evaluator(self._repository, id_, self._data)
            return self._noted(id_, found, self._how)
        return self._run(id_, next_)

    def _noted(self, id_: CommitId, found: float, how: str) -> float:
        self.done += 1
        self._repository.metrics.add({self._name: found}, id_, how=how)
        return found

    def _run(self, id_: CommitId, next_: Sequence[CommitId]) -> float | None:
        from mvc.history.reported import value

        if not self._cmd:
            itself = " … --data FILE, or" if evaluator(self._name) else ""
            raise UsageError(
                f"nobody measured {self._name} of {id_[:7]}, and no command was given that does",
                hint=f"mvc bisect run --metric {self._name}{itself} … -- CMD",
            )
        typed = _typed(self._cmd)
        self._session.output.show([f"running {typed}"])
        self._repository.bisect.expect(self._ahead, next_, stay=self.knows)
        printed: list[str] = []
        code = run_command(self._cmd, printed)
        if code == _SKIP:
            self.done += 1
            return None
        if code:
            hint = "exit code 125 says that a commit can't be tested; the same command goes on from here"
            _abort(
                f"bisect run failed: {typed} measured nothing, its exit code is {code}", code, hint
            )
        found = value("".join(printed), self._name)
        if found is None:
            raise MvcError(
                f"{typed} printed no {self._name}",
                hint=f'it shall print a number, or JSON such as {{"{self._name}": 12.3}}',
            )
        return self._noted(id_, found, shlex.join(self._cmd))


def _ready(session: Session) -> Bisection:
    search = session.repository.bisect.search
    if search is None or search.bad is None or not search.good:
        raise MvcError(
            "You need to give me at least one good|old and bad|new revision.",
            hint="mvc bisect start BAD GOOD",
        )
    found: Bisection = search
    return found


def _verify(
    session: Session, cmd: Sequence[str], search: Bisection, code: int, ahead: Ahead
) -> None:
    """A command that can't be run would call everything bad: see what it says of a good commit."""
    bisect, here = session.repository.bisect, session.repository.head
    bisect.visit(search.good[0], ahead=ahead)
    found = run_command(cmd)
    bisect.visit(here, ahead=ahead)
    if not 0 <= found < 128:
        _abort(f"unable to verify {_typed(cmd)} on good revision", found)
    if found == code:
        raise MvcError(
            f"bogus exit code {code} for good revision", hint="does the command exist there?"
        )


def _ended(session: Session, step: Step) -> bool:
    if step.kind == "skipped":
        click.echo("bisect run cannot continue any more", err=True)
    show(session, step)
    if step.kind == "found":
        session.output.show(["bisect found first bad commit"])
    return step.kind not in ("testing", "merge base") and not code_of(step)


def _abort(message: str, code: int, hint: str | None = None) -> None:
    from mvc.cli.failures import reported

    error = MvcError(message, hint=hint or "mvc bisect log shows how far it came")
    reported(error, color=None)
    raise click.exceptions.Exit(code if 0 < code < 256 else 128 - code if code < 0 else 1)


def _digest(path: str) -> str:
    """Of a file's content; whoever measures on it says so when it can't be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:12]
    except OSError:
        return "-"


def _typed(cmd: Sequence[str]) -> str:
    return " ".join("'" + word.replace("'", "'\\''") + "'" for word in cmd)
