"""Walking history for people: ranges, path limits, counts, and which files a commit changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from mvc.history.context import Context
from mvc.history.git import Commit, Files
from mvc.history.revisions import Range
from mvc.history.snapshot import Snapshot
from mvc.ids import CommitId


def walk(
    context: Context,
    range_: Range,
    *,
    paths: Sequence[str] = (),
    limit: int | None = None,
    topological: bool = False,
    first_parent: bool = False,
) -> Iterator[Commit]:
    """Commits of ``range_``, newest first; with ``paths`` only those that changed one of them."""
    git = context.git
    found = 0
    walker = git.walk(
        range_.include, range_.exclude, topological=topological, first_parent=first_parent
    )
    for id_ in walker:
        if limit is not None and found >= limit:
            return
        commit = git.commit(id_)
        if paths and not _touches(context, commit, paths):
            continue
        found += 1
        yield commit


def parent_snapshot(context: Context, commit: Commit) -> Snapshot:
    """The files of the first parent; none for a root commit."""
    if not commit.parents:
        return Snapshot(context.git, {})
    return Snapshot.of_tree(context.git, context.git.commit(commit.parents[0]).tree)


def snapshot(context: Context, id_: CommitId) -> Snapshot:
    """The files of a commit."""
    return Snapshot.of_tree(context.git, context.git.commit(id_).tree)


def matches(path: str, patterns: Sequence[str]) -> bool:
    """Git's pathspec rule: a file, everything below a folder, or a glob; ``""`` is all."""
    return any(
        pattern in ("", path)
        or path.startswith(pattern.rstrip("/") + "/")
        or fnmatchcase(path, pattern)
        for pattern in patterns
    )


def _touches(context: Context, commit: Commit, paths: Sequence[str]) -> bool:
    """Whether ``commit`` differs in ``paths`` from every parent (Git's simplification of merges)."""
    git = context.git
    own = _limited(git.files(commit.tree), paths)
    parents = [_limited(git.files(git.commit(p).tree), paths) for p in commit.parents]
    return all(own != other for other in parents) if parents else bool(own)


def _limited(files: Files, paths: Sequence[str]) -> Files:
    return {path: entry for path, entry in files.items() if matches(path, paths)}
