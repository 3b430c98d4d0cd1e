"""Verbs about what is undecided: ``repo.conflicts``, ``repo.undecided`` and ``repo.settle``.

Functions of an open repository, which ``Repository`` binds as methods. Hold no algorithm; they are in
``history/undecided.py`` and ``merge/``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mvc.errors import UsageError
from mvc.opened import Opened

if TYPE_CHECKING:
    from mvc.history.signature import Signature
    from mvc.merge.pending import UndecidedFile
    from mvc.merge.recipe import Recipe
    from mvc.merge.settling import Settled


def conflicts(
    repo: Opened, revision: str | None = None, only: Sequence[str] | str = ()
) -> list[UndecidedFile]:
    """The tensors that a commit holds undecided, or the stage, with all their sides; those that ``only`` names.

    A word of ``only`` is a path or, if it names no file with one, a tensor or a glob of tensors. While a merge
    waits, the stage's are what it waits for, whole files among them.
    """
    from mvc.merge.pending import pending

    return pending(repo._context, revision, _words(repo, only))


def undecided(repo: Opened) -> dict[str, tuple[str, ...]]:
    """The names of the stage's undecided tensors, by path."""
    from mvc.history.transaction import read_stage
    from mvc.history.undecided import undecided

    found = undecided(repo._context, read_stage(repo._context))
    return {path: tuple(one.name for one in conflicts) for path, conflicts in found.items()}


def settle(
    repo: Opened,
    only: Sequence[str] | str = (),
    strategy: str | None = None,
    *,
    recipe: Recipe | None = None,
    commit: bool = True,
    message: str | None = None,
    author: Signature | None = None,
) -> Settled:
    """Settle undecided tensors (``only``: as ``conflicts`` takes it) by a strategy or a recipe.

    What a commit kept undecided is settled by a commit, unless ``commit`` is off: then on the stage, and in the
    file. While a merge waits nothing is committed. UsageError if a strategy can't settle one of them.
    """
    from mvc.merge import settling
    from mvc.merge.recipe import Recipe

    if recipe is None and strategy is None:
        raise UsageError("no strategy given", hint="mvc resolve --strategy average")
    return settling.resolve(
        repo._context,
        _words(repo, only),
        recipe or Recipe(strategy),
        commit=commit,
        message=message,
        author=author,
        who=repo._signer(),
        progress=repo.progress,
    )


def _words(repo: Opened, only: Sequence[str] | str) -> list[tuple[str, str | None]]:
    """Each word, and the path that it may be."""

    def path(word: str) -> str | None:
        try:
            return repo._inside([word])[0]
        except UsageError:  # a tensor may have any name
            return None

    return [(word, path(word)) for word in ([only] if isinstance(only, str) else only)]
