"""The drawing beside ``log --graph``: one column a line of history, as Git draws it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

from mvc.history.git import Commit

_COLORS = ("red", "green", "yellow", "blue", "magenta", "cyan")


class Graph:
    """Fed commits with every child before its parents; keeps which commit each column waits for."""

    def __init__(self) -> None:
        self._columns: list[str] = []

    def draw(self, commit: Commit, text: Sequence[str]) -> Iterator[str]:
        """``text`` with the drawing in front of each line, and the lines that join columns."""
        if commit.id not in self._columns:
            self._columns.append(commit.id)
        at = self._columns.index(commit.id)
        parents = list(commit.parents)
        merges = len(parents) > 1
        first, *rest = text
        yield f"{self._row('*', at)} {first}"
        if merges:
            # The new columns open beside the commit's own: the lines between shift to the right.
            yield self._opening(at, len(parents) - 1, rest.pop(0) if rest else "")
        self._columns[at : at + 1] = parents
        for line in rest:
            yield f"{self._row('|', at)} {line}".rstrip()
        yield from self._closing()

    def _row(self, mark: str, at: int) -> str:
        return " ".join(
            mark if n == at and mark == "*" else _colored("|", n) for n in range(len(self._columns))
        )

    def _opening(self, at: int, extra: int, text: str) -> str:
        left = " ".join(_colored("|", n) for n in range(at + 1))
        opened = "".join(
            _colored("\\", at + 1 + n) + (" " if n < extra - 1 else "") for n in range(extra)
        )
        right = "".join(" " + _colored("\\", n + extra) for n in range(at + 1, len(self._columns)))
        return f"{left}{opened}{right} {text}".rstrip()

    def _closing(self) -> Iterator[str]:
        """Join columns that wait for the same commit, the right one moving left step by step."""
        while True:
            twins = [
                (self._columns.index(id_), n)
                for n, id_ in enumerate(self._columns)
                if self._columns.index(id_) != n
            ]
            if not twins:
                return
            keep, drop = twins[0]
            for n in range(drop, keep, -1):
                left = " ".join(_colored("|", k) for k in range(n))
                right = "".join(" " + _colored("/", k) for k in range(drop + 1, len(self._columns)))
                yield f"{left}{_colored('/', n)}{right}" if n == keep + 1 else self._slide(n, drop)
            del self._columns[drop]

    def _slide(self, n: int, drop: int) -> str:
        left = " ".join(_colored("|", k) for k in range(n))
        right = "".join(" " + _colored("|", k) for k in range(drop + 1, len(self._columns)))
        return f"{left}{_colored('/', n)}{right}"


def _colored(mark: str, column: int) -> str:
    return click.style(mark, fg=_COLORS[column % len(_COLORS)])
