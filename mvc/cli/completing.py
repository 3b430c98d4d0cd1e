"""What the shell may complete a word to: branches and tags, tracked paths, files on disk, names of tensors.

Everything is imported when the shell asks, and a repository that can't be read completes nothing: what is wrong
with it the command itself will say. Nothing here reads a tensor.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from mvc.repository import Repository


def branches(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Branches."""
    return _starting(incomplete, _refs(context, "refs/heads/"))


def tags(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Tags."""
    return _starting(incomplete, _refs(context, "refs/tags/"))


def revisions(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """HEAD, branches and tags; the second one of ``A..B``."""
    head, dots, tail = incomplete.rpartition("..")
    names = ["HEAD", *_refs(context, "refs/heads/"), *_refs(context, "refs/tags/")]
    return [f"{head}{dots}{name}" for name in _starting(tail, names)]


def tracked(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Tracked paths, seen from the current folder."""
    return _starting(incomplete, _paths(context))


def revisions_or_tracked(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Both; what comes after ``--`` is paths alone."""
    paths = tracked(context, parameter, incomplete)
    if "--" in (context.params.get(parameter.name or "") or ()):
        return paths
    return [*revisions(context, parameter, incomplete), *paths]


def files(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Whatever the shell sees on disk."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


def tensors(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of tensors in the file that was named before, as staged."""
    place = str(context.params.get("place") or "")
    revision, _, path = place.rpartition(":")
    names: list[str] = []
    with suppress(Exception):  # no word of an error belongs between the words that are being typed
        repository = _repository(context)
        if repository is not None:
            found = repository.inspect(path, revision).tensors(numeric=False)
            names = [one.name for one in found]
    return _starting(incomplete, names)


def verbs(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Verbs of mvc."""
    from mvc.cli.app import VERBS

    return _starting(incomplete, VERBS)


def strategies(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Merge strategies of mvc."""
    from mvc.merge.strategies import COMBINATIONS, STRATEGIES

    return _starting(incomplete, [*STRATEGIES, *COMBINATIONS])


def _starting(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _refs(context: click.Context, prefix: str) -> Iterator[str]:
    with suppress(Exception):
        repository = _repository(context)
        if repository is not None:
            found: Any = repository.branches if prefix == "refs/heads/" else repository.tags
            yield from found


def _paths(context: click.Context) -> Iterator[str]:
    with suppress(Exception):
        repository = _repository(context)
        if repository is not None:
            here = os.path.relpath(repository.cwd, repository.root)
            for path in repository.staged():
                yield path if here == "." else os.path.relpath(path, here)


def _repository(context: click.Context) -> Repository | None:
    """That of ``-C DIR``, or of the current folder."""
    import mvc

    folder = context.find_root().params.get("folder") or "."
    return mvc.open(folder, cwd=folder)
