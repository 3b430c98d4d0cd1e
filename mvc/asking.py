"""Verbs that ask the history, or take from it: who changed a tensor, what a commit is called, its files
elsewhere.

Functions of an open repository, which ``Repository`` binds as methods. Nothing here changes the repository,
and no algorithm lives here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from mvc.opened import Opened

if TYPE_CHECKING:
    from mvc.diff.stats import TensorStats
    from mvc.history.blame import Blamed
    from mvc.history.describe import Choice, Description
    from mvc.history.git import Commit
    from mvc.history.judging import Judged
    from mvc.history.lineage import Lineage
    from mvc.history.sought import Sought
    from mvc.ids import CommitId
    from mvc.verifying import Verdict


def blame(
    repo: Opened, path: str, revision: str | None = None, *, tensors: Sequence[str] = ()
) -> list[Blamed]:
    """The commit that last changed each tensor of a file or sharded model; renames are followed.

    Without a revision it is about the work tree: what is not committed yet has a commit of zeros.
    """
    if revision is None:
        from mvc.uncommitted import blame_worktree

        return blame_worktree(repo._context, repo._inside([path])[0], tensors, repo.progress)
    from mvc.history.blame import blame

    return blame(repo._context, repo._inside([path])[0], revision, tensors)


def lineage(
    repo: Opened, tensors: Sequence[str] | str, revision: str = "HEAD", *, paths: Sequence[str] = ()
) -> Iterator[Lineage]:
    """How tensors (names, globs) came to be: the versions of each, with how and from which it was made."""
    from mvc.lineages import find

    globs = [tensors] if isinstance(tensors, str) else tensors
    return find(repo._context, globs, repo.resolve(revision), repo._inside(paths))


def lineage_steps(repo: Opened, lineage: Lineage) -> Mapping[CommitId, TensorStats | None]:
    """How far each version of a lineage is from the one before; the tensors are read."""
    from mvc.lineages import steps

    return steps(repo._context, lineage)


def describe(
    repo: Opened,
    revision: str = "HEAD",
    choice: Choice | None = None,
    *,
    contains: bool = False,
    abbrev: int = 7,
    long: bool = False,
    always: bool = False,
) -> Description:
    """The name of a commit by the nearest annotated tag before it, as ``git describe`` has it.

    ``choice`` says which other refs may do. With ``contains`` it is by the oldest tag that holds the commit.
    UsageError if there is none and not ``always``.
    """
    from mvc.errors import UsageError
    from mvc.history.describe import Choice, Description, describe, short

    choice, commit = choice or Choice(), repo.resolve(revision)
    if not contains:
        return describe(repo._context, commit, choice, abbrev=abbrev, long=long, always=always)
    from mvc.history.name_rev import name_rev

    try:
        return name_rev(repo._context, commit, choice)
    except UsageError:
        if not always:
            raise
        return Description(short(repo._context, commit, abbrev), commit)


def shortlog(
    repo: Opened,
    revisions: Sequence[str] | str = "HEAD",
    *,
    paths: Sequence[str] = (),
    all: bool = False,
    committer: bool = False,
    email: bool = False,
) -> dict[str, list[str]]:
    """The subjects of commits, oldest first, by author (or committer)."""
    from mvc.history import log
    from mvc.history.revisions import all_ends, parse_range
    from mvc.history.shortlog import shortlog

    texts = [revisions] if isinstance(revisions, str) else list(revisions) or ["HEAD"]
    range_ = (all_ends if all else parse_range)(repo._context, texts)
    commits = log.walk(repo._context, range_, paths=repo._inside(paths))
    return shortlog(commits, committer=committer, email=email)


def is_ancestor(repo: Opened, old: str, new: str) -> bool:
    """Whether ``new`` is ``old`` or comes after it: ``git merge-base --is-ancestor``."""
    return repo._context.git.is_ancestor(repo.resolve(old), repo.resolve(new))


def follow(
    repo: Opened,
    path: str,
    revisions: Sequence[str] | str = "HEAD",
    *,
    limit: int | None = None,
    all: bool = False,
    sought: Sought | None = None,
) -> Iterator[Commit]:
    """Commits that changed a file, whatever it was called, newest first; ``sought`` as for ``log``."""
    from itertools import islice

    from mvc.history.following import follow
    from mvc.history.revisions import all_ends, parse_range

    texts = [revisions] if isinstance(revisions, str) else list(revisions) or ["HEAD"]
    range_ = (all_ends if all else parse_range)(repo._context, texts)
    found = follow(repo._context, range_.include, range_.exclude, repo._inside([path])[0])
    meant = None if sought is None else sought.judge()
    return islice(found if meant is None else filter(meant, found), limit)


def archive(
    repo: Opened,
    revision: str,
    target: str | Callable[[bytes | memoryview], object],
    *,
    format: str | None = None,
    prefix: str = "",
    paths: Sequence[str] = (),
) -> None:
    """The files of a commit as a tar, tar.gz or zip; to a file, whose name says which, or to a function."""
    from mvc.history.archive import archive, write_archive

    commit, names = repo.read_commit(revision), repo._inside(paths)
    if isinstance(target, str):
        place = os.path.join(repo.cwd, target)
        write_archive(repo._context, commit, place, form=format, prefix=prefix, paths=names)
        return
    archive(repo._context, commit, target, form=format or "tar", prefix=prefix, paths=names)


def export(
    repo: Opened, revision: str, target: str, *, paths: Sequence[str] = (), force: bool = False
) -> list[str]:
    """Write the files of a commit into a folder outside the work tree; gives their paths.

    DirtyWorktree if one is there already and not ``force``.
    """
    from mvc.history import log
    from mvc.history.archive import chosen
    from mvc.worktree.elsewhere import export

    files = log.snapshot(repo._context, repo.resolve(revision))
    names = chosen(files, repo._inside(paths))
    place = os.path.abspath(os.path.join(repo.cwd, target))
    export(repo._context, files, names, place, force=force, progress=repo.progress)
    return names


def verify(repo: Opened, file: str, revision: str = "HEAD", path: str | None = None) -> Verdict:
    """Whether a file, in or outside the work tree, is what a commit holds at ``path``, and who signed that."""
    from mvc.verifying import verify

    place = os.path.abspath(os.path.join(repo.cwd, file))
    tracked = None if path is None else repo._inside([path])[0]
    return verify(repo._context, place, revision, tracked, repo._verifier(), repo.progress)


def verify_commit(repo: Opened, revision: str | Commit = "HEAD") -> Judged:
    """What the signature of a commit is worth, and whether it reaches the weights."""
    from mvc.history.judging import judge_commit

    commit = repo.read_commit(revision) if isinstance(revision, str) else revision
    return judge_commit(repo._context, commit, repo._verifier())
