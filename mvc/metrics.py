"""Numbers measured of weights: noting, reading and forgetting them, and how one went over history.

Reached as ``repo.metrics``. Holds no algorithm; they are in ``history/metrics.py``.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from mvc.errors import UsageError
from mvc.history.git import Commit
from mvc.opened import Opened
from mvc.values import dataclass

if TYPE_CHECKING:
    from mvc.history.metrics import Measured


@dataclass(frozen=True, slots=True)
class Point:
    """A commit of a history, with the value that a metric has there; None where nobody measured it."""

    commit: Commit
    value: float | None


class Metrics:
    """Kept by the Merkle root of a commit's weights: they survive amend and rebase."""

    def __init__(self, repo: Opened) -> None:
        self._repo = repo
        self._context = repo._context

    def of(self, revision: str | Commit = "HEAD") -> dict[str, Measured]:
        """What is known of a commit, by name: from its record, and noted since."""
        return next(self.of_each([self._commit(revision)]))[1]

    def of_each(self, commits: Iterable[Commit]) -> Iterator[tuple[Commit, dict[str, Measured]]]:
        """``of`` for many, each read as it is asked for."""
        from mvc.history.metrics import Metrics as Reader

        reader = Reader(self._context)
        for commit in commits:
            yield commit, dict(sorted(reader.of(commit).items()))

    def add(
        self, values: Mapping[str, float], revision: str | Commit = "HEAD", *, how: str = ""
    ) -> Commit:
        """Note values for the weights of a commit, in place of what had these names; ``how``: a command line.

        Raises:
            UsageError: no such commit, it has no weights, or a name can't be one.
        """
        from mvc.history.metrics import Measured, check_name

        who = self._repo._now
        now = who.time if who is not None else int(time.time())
        noted = {check_name(n): Measured(float(value), now, how) for n, value in values.items()}
        return self._note(noted, revision, f"metric: add {' '.join(values)}")

    def remove(self, names: Sequence[str], revision: str | Commit = "HEAD") -> Commit:
        """Forget what was noted of a commit's weights, by name; no names: all of it.

        Raises:
            UsageError: there is no such metric, or only the commit's own record has it.
        """
        from mvc.history.metrics import Metrics as Reader
        from mvc.history.metrics import known_root

        commit = self._commit(revision)
        there = Reader(self._context).noted(known_root(self._context, commit))
        for name in names:
            if name not in there:
                raise UsageError(
                    f"no metric '{name}' was noted of {commit.id[:7]}", hint="mvc metric list"
                )
        gone = dict.fromkeys(names or there)
        return self._note(gone, commit, f"metric: remove {' '.join(gone)}")

    def along(self, name: str, revision: str = "HEAD") -> list[Point]:
        """How a metric went along the first parents of a commit or range, oldest first.

        A trailer of a message (``eval-loss: 1.23``) counts where nothing was noted.

        Raises:
            UsageError: no such commit, or none of them has the metric.
        """
        from mvc.history import log, revisions
        from mvc.history.metrics import Metrics as Reader
        from mvc.history.retention import metric_of

        reader = Reader(self._context)
        range_ = revisions.parse_range(self._context, [revision])
        walked = log.walk(self._context, range_, first_parent=True)
        points = [Point(one, metric_of(self._context, one, name, reader)) for one in walked]
        if all(point.value is None for point in points):
            raise UsageError(
                f"no commit of {revision} has the metric '{name}'",
                hint="mvc log --metrics shows which there are",
            )
        return points[::-1]

    def _note(
        self, values: Mapping[str, Measured | None], revision: str | Commit, message: str
    ) -> Commit:
        from mvc.history.metrics import known_root, note
        from mvc.history.transaction import transaction

        context, commit = self._context, self._commit(revision)
        root = known_root(context, commit)
        with context.gc_held_off(), transaction(context, "metric", self._repo._now) as current:
            note(current, {root: values})
            current.message = message
        return commit

    def _commit(self, revision: str | Commit) -> Commit:
        return self._repo.read_commit(revision) if isinstance(revision, str) else revision
