"""The steps of ``bisect``: an answer in, the next commit to test out, with HEAD, the stage and files there.

Each step is one operation, which moves the search, HEAD and the files together: what it starts from is read
before, and compared under the lock. Git's rules and words (its ``bisect.c``); what Git keeps in a dozen files
and refs is the one value of ``history/bisection.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Literal

from mvc.errors import MvcError, RefConflict, UsageError, WeightsExpired
from mvc.history import log, revisions
from mvc.history.answers import about, begun, logged, marked, replayed, waiting_for, with_terms
from mvc.history.bisection import BISECT, Bisection, read_bisection, write_bisection
from mvc.history.context import Context
from mvc.history.halving import Choice, choose
from mvc.history.record import PATH
from mvc.history.refs import BRANCHES, UNFINISHED
from mvc.history.signature import Signature
from mvc.history.transaction import Transaction, transaction
from mvc.ids import CommitId
from mvc.values import dataclass
from mvc.worktree.ahead import Ahead
from mvc.worktree.ingest import Progress
from mvc.worktree.switching import Target, go, place_of

Kind = Literal["waiting", "testing", "merge base", "found", "skipped", "fixed", "untestable"]
#: With these a search can't begin.
_HOPELESS = ("skipped", "fixed", "untestable")


@dataclass(frozen=True, slots=True)
class Step:
    """Where the search stands. ``kind``:

    ``waiting`` for good or bad ones; ``testing`` ``commit``, of ``choice``; testing a ``merge base``;
    ``found``: ``commit`` is the first bad one; ``skipped``: it is one of ``tried``, which all had to be
    skipped; ``fixed``: ``commit`` is a merge base and bad, so the good ones have it mended; ``untestable``: no
    commit changed the paths. ``notes`` are warnings on the way.
    """

    kind: Kind
    search: Bisection
    commit: CommitId | None = None
    choice: Choice | None = None
    tried: tuple[CommitId, ...] = ()
    notes: tuple[str, ...] = ()


class Bisecting:
    """One step; ``inside`` makes a path relative to the root. A commit to which ``stay`` says yes is not
    checked out: who answers for it knows without. ``ahead`` may have files already.
    """

    def __init__(
        self,
        context: Context,
        *,
        inside: Callable[[str], str],
        stay: Callable[[CommitId], bool],
        who: Signature | None,
        progress: Progress | None,
        ahead: Ahead | None = None,
    ) -> None:
        self._context = context
        self._inside = inside
        self._still = stay
        self._who = who
        self._progress = progress
        self._ahead = ahead
        self._id, self._search = read_bisection(context)
        self._at = place_of(context)
        self._anew = False
        self._notes: list[str] = []

    @property
    def search(self) -> Bisection:
        """The search in progress.

        Raises:
            MvcError: there is none.
        """
        if self._search is None:
            raise MvcError(
                'You need to start by "mvc bisect start"', hint="mvc bisect start BAD GOOD"
            )
        return self._search

    def start(self, words: Sequence[str]) -> Step:
        """Begin anew with the words of ``bisect start``; HEAD comes from where a search before had it from."""
        self._anew = True
        search = begun(self._context, words, self._origin(), self._inside)
        return self._next(search, "bisect: start")

    def mark(self, state: str, ids: Sequence[CommitId]) -> Step:
        """``ids`` are ``state``: good or bad, whatever that is called, or ``skip``."""
        search = with_terms(self.search, state)
        if len(ids) > 1 and state == search.words[0]:
            raise UsageError(
                f"'mvc bisect {state}' can take only one argument.",
                hint=f"several can be {search.words[1]}",
            )
        for id_ in ids:
            search = marked(self._context, search, state, id_)
        return self._next(search, f"bisect: {state} {' '.join(map(revisions.shorten, ids[:3]))}")

    def next(self) -> Step:
        """Choose the commit to test anew, and check it out."""
        if self.search.bad is None:
            raise MvcError(
                "You need to give me at least one bad|new and good|old revision.",
                hint='You can use "mvc bisect bad|new" and "mvc bisect good|old" for that.',
            )
        return self._next(self.search, "bisect: next", insisting=True)

    def visit(self, commit: CommitId) -> None:
        """Check out a commit that is not asked about; the search stands where it stood."""
        self._go_to(commit, self._search, "bisect: visit")

    def outcomes(self) -> list[CommitId]:
        """What may be tested after the commit that is tested now, and is not known yet."""
        search, found = self._search, []
        if search is None or search.bad is None or search.expected is None or not search.related:
            return []
        for state in search.words:
            with suppress(MvcError):  # an answer that can't be given
                after = marked(self._context, search, state, search.expected)
                commit = self._choice(after).commit
                if commit is not None and commit != after.bad and not self._still(commit):
                    found.append(commit)
        return found

    def replay(self, lines: Sequence[str]) -> Step:
        """Do what a log says, from its start.

        Raises:
            MvcError: it starts no search, or a line can't be understood.
        """
        self._anew = True
        search: Bisection | None = None
        for line in lines:
            search = replayed(self._context, search, line, self._origin())
        if search is None:
            raise MvcError("the log starts no search", hint="mvc bisect log > FILE writes one")
        return self._next(search, "bisect: replay")

    def reset(self, target: str | None) -> bool:
        """End the search, and go back to where it was started, or to ``target``; whether there was one.

        Raises:
            UsageError: the branch it was started from is gone, or ``target`` names no commit.
            DirtyWorktree: unsaved work is in the way.
        """
        if target is None:
            if self._search is None:
                return False
            self._go_to(self._search.start, None, "bisect: reset")
            return True
        branch = f"{BRANCHES}{target}"
        if self._context.refs.raw(branch) is not None:
            self._go_to(f"ref: {branch}", None, "bisect: reset")
        else:
            self._go_to(revisions.resolve(self._context, target), None, "bisect: reset")
        return self._search is not None

    def _origin(self) -> str:
        """What HEAD was before there was any search.

        Raises:
            MvcError: there is no commit yet.
            UsageError: a merge is unfinished.
        """
        if self._context.refs.head() is None:
            raise MvcError("bad HEAD - I need a HEAD", hint="mvc add FILE, then mvc commit")
        if self._context.refs.raw(UNFINISHED) is not None:
            raise UsageError(
                "cannot bisect while a merge, revert or stash is unfinished",
                hint="mvc status says how to conclude it, or to give it up",
            )
        return self._search.start if self._search else self._context.refs.raw("HEAD") or ""

    # ---- what follows from an answer

    def _next(self, search: Bisection, message: str, *, insisting: bool = False) -> Step:
        if search.bad is None or not (search.good or insisting):
            line = waiting_for(search)
            return self._stay(Step("waiting", logged(search, f"# {line}"), notes=(line,)), message)
        if not search.good:
            self._notes.append(f"bisecting only with a {search.words[0]} commit")
        elif not search.related:
            step = self._unrelated(search, message)
            if step is not None:
                return step
            search = replace(search, related=True)
        while True:
            choice = self._choice(search)
            try:
                return self._settle(search, choice, message)
            except WeightsExpired:
                # Nobody can test it any more; to the search that is what `skip` says.
                assert choice.commit is not None
                short = revisions.shorten(choice.commit)
                self._notes.append(f"{short} is skipped: its weights have expired")
                search = marked(self._context, search, "skip", choice.commit)

    def _choice(self, search: Bisection) -> Choice:
        assert search.bad is not None
        git, skipped = self._context.git, frozenset(search.skipped)

        def same(old: str | None, new: str) -> bool:
            changed = log.differing(git, old, new)
            return not any(path != PATH and log.matches(path, search.paths) for path in changed)

        limit = same if search.paths else None
        return choose(
            git, search.bad, search.good, skipped, same=limit, first_parent=search.first_parent
        )

    def _settle(self, search: Bisection, choice: Choice, message: str) -> Step:
        bad, found = search.words[0], choice.commit
        if found is None and not choice.tried:
            both = f"{search.bad} was both {search.words[1]} and {bad}"
            raise MvcError(both, hint="nothing was marked: mvc bisect log says what is known")
        if choice.tried and found in (None, search.bad):
            tried = choice.tried if found is None else (*choice.tried, found)
            search = self._possible(search)
            return self._stay(Step("skipped", search, choice=choice, tried=tried), message)
        if not choice.all:
            return self._stay(Step("untestable", search), message)
        assert found is not None
        if found == search.bad:
            line = f"# first {bad} commit: {about(self._context, found)}"
            return self._stay(Step("found", logged(search, line), found, choice), message)
        return self._test(Step("testing", search, found, choice), message)

    def _possible(self, search: Bisection) -> Bisection:
        """The log says which commits it could be."""
        assert search.bad is not None
        ids = self._context.git.walk([search.bad], search.good)
        which = f"# possible first {search.words[0]} commit:"
        lines = [f"{which} {about(self._context, id_)}" for id_ in ids]
        return logged(search, "# only skipped commits left to test", *lines)

    def _unrelated(self, search: Bisection, message: str) -> Step | None:
        """Where a good commit is no ancestor of the bad one, what they come from must be good, too."""
        git, bad = self._context.git, search.bad
        assert bad is not None
        if all(git.is_ancestor(id_, bad) for id_ in search.good):
            return None
        for base in self._bases(search):
            if base == bad and search.expected == bad:
                return self._stay(Step("fixed", search, base), message)
            if base == bad:
                words = search.words
                raise MvcError(
                    f"Some {words[1]} revs are not ancestors of the {words[0]} rev.\n"
                    "mvc bisect cannot work properly in this case.\n"
                    f"Maybe you mistook {words[1]} and {words[0]} revs?",
                    hint="nothing was marked: mvc bisect log says what is known",
                )
            if base in search.skipped:
                self._notes.append(
                    f"the merge base between {bad} and [{' '.join(search.good)}] must be skipped.\n"
                    f"So we cannot be sure the first {search.words[0]} commit is between {base} and "
                    f"{bad}.\nWe continue anyway."
                )
            elif base not in search.good:
                return self._test(Step("merge base", search, base), message)
        return None

    def _bases(self, search: Bisection) -> list[CommitId]:
        """The merge bases of the bad commit with all good ones together, newest first."""
        git, bad = self._context.git, search.bad
        assert bad is not None
        found = dict.fromkeys(base for id_ in search.good for base in git.merge_bases(bad, id_))
        best = [b for b in found if not any(b != o and git.is_ancestor(b, o) for o in found)]
        return sorted(best, key=lambda id_: -git.commit(id_).committer.time)

    # ---- writing it down

    def _test(self, step: Step, message: str) -> Step:
        commit, notes = step.commit, tuple(self._notes)
        assert commit is not None
        step = replace(step, search=replace(step.search, expected=commit), notes=notes)
        if self._still(commit):
            return self._stay(step, message)
        self._go_to(commit, step.search, message)
        return step

    def _stay(self, step: Step, message: str) -> Step:
        """Record the search; HEAD stays, unless it is still where a search before led it."""
        step = replace(step, notes=(*self._notes, *step.notes))
        start = step.search.start
        kept = None if self._anew and step.kind in _HOPELESS else step.search
        if self._anew and self._search is not None and start != self._context.refs.raw("HEAD"):
            self._go_to(start, kept, message)
            return step
        with transaction(self._context, "bisect", self._who) as current:
            self._claim(kept, message, current)
        return step

    def _go_to(self, head: str, search: Bisection | None, message: str) -> None:
        """HEAD shall say ``head``, and all the rest follow."""
        ref = head.removeprefix("ref: ")
        commit = head if ref == head else self._context.refs.read(ref)
        if commit is None:
            raise UsageError(
                f"could not check out original HEAD '{ref.removeprefix(BRANCHES)}'.",
                hint="Try 'mvc bisect reset <commit>'.",
            )
        with self._context.gc_held_off():
            go(
                self._context,
                Target(CommitId(commit), head, ref.removeprefix(BRANCHES)),
                at=self._at,
                claim=partial(self._claim, search, message),
                who=self._who,
                progress=self._progress,
                ahead=self._ahead,
            )

    def _claim(self, search: Bisection | None, message: str, current: Transaction) -> None:
        if self._context.refs.raw(BISECT) != self._id:
            raise RefConflict(
                "another command took a step of the search meanwhile; nothing has changed",
                hint="mvc bisect log shows it",
            )
        write_bisection(current, search)
        current.verb, current.message = "bisect", message
