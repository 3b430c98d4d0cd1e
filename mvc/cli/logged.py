"""The lines of ``log``: each commit in its form, with what was asked for of it, drawn or not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from mvc.cli.commits import decorations
from mvc.cli.measured import said, values
from mvc.cli.pretty import Pretty
from mvc.history.git import Commit
from mvc.repository import Repository
from mvc.values import dataclass

if TYPE_CHECKING:
    from mvc.cli.graph import Graph
    from mvc.history.metrics import Measured


@dataclass(frozen=True, slots=True)
class Look:
    """What is shown of each commit; ``changes``: stat, patch, name-only, name-status, or None."""

    pretty: Pretty
    changes: str | None = None
    signature: bool = False
    decorated: bool = True


def log_lines(
    repository: Repository,
    commits: Iterator[tuple[Commit, dict[str, Measured]]],
    look: Look,
    drawing: Graph | None,
    paths: Sequence[str],
) -> Iterator[str]:
    """All of it, commit by commit as they come."""
    names = decorations(repository) if look.decorated else {}
    pretty, first = look.pretty, True
    for commit, known in commits:
        judge = partial(repository.verify_commit, commit)
        text = pretty.lines(commit, names, judge, signature=look.signature)
        if known and pretty.single:
            text[-1] += f"  {said(known)}"
        elif known:
            text += ["", "Metrics:", *(f"    {line}" for line in values(known))]
        if look.changes is not None:
            changed = list(_changes(repository, commit, look.changes, paths))
            text += changed if pretty.single or not changed else ["", *changed]
        if pretty.paragraphs and not first and drawing is None:
            yield ""
        first = False
        if drawing is None:
            yield from text
        else:
            yield from drawing.draw(commit, [*text, ""] if pretty.paragraphs else text)


def _changes(
    repository: Repository, commit: Commit, how: str, paths: Sequence[str]
) -> Iterator[str]:
    from mvc.cli.difference import ROWS, difference_lines, name_lines, stat_lines

    # Of a merge that is what its parents' commits show, as in Git; a line a file is short enough to say.
    if len(commit.parents) > 1 and how != "stat":
        return
    found = repository.changes_of(commit, paths=paths, numeric=ROWS if how == "patch" else False)
    if how == "stat":
        yield from stat_lines(found)
    elif how == "patch":
        yield from difference_lines(found)
    else:
        named = [
            (file.status, file.old.path if file.old else file.path, file.path)
            for file in found.files
        ]
        yield from name_lines(named, status=how == "name-status")
