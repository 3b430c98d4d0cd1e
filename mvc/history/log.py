"""Walking history for people: ranges, path limits, counts, and which files a commit changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import islice

from mvc.history import simplifying
from mvc.history.context import Context
from mvc.history.git import Commit, Git
from mvc.history.gitobjects import TREE_MODE
from mvc.history.record import PATH
from mvc.history.revisions import Range
from mvc.history.snapshot import Snapshot
from mvc.ids import BlobId, CommitId

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mvc.history.sought import Sought

#: Mode and blob of a file.
Place = tuple[int, BlobId]


def walk(
    context: Context,
    range_: Range,
    *,
    paths: Sequence[str] = (),
    limit: int | None = None,
    topological: bool = False,
    first_parent: bool = False,
    tensors: Sequence[str] = (),
    occurring: str | None = None,
    sought: Sought | None = None,
) -> Iterator[Commit]:
    """Commits of ``range_``, newest first; with ``paths`` only those that changed one of them.

    With ``tensors`` only those that changed a tensor which one of these globs names, in ``paths``. With
    ``occurring``, the first digits of a tensor's id, only those that changed how often it occurs there.

    Raises:
        UsageError: ``occurring`` can't be the beginning of an id, or a pattern of ``sought`` is none.
    """
    git, include, exclude = context.git, range_.include, range_.exclude
    if limit is not None:
        limit = max(limit, 0)
    meant = None if sought is None else sought.judge()
    if paths or tensors:
        found = simplifying.simplified(
            git,
            _same(context, paths, tensors),
            include,
            exclude,
            topological=topological,
            first_parent=first_parent,
        )
    else:
        ids = git.walk(include, exclude, topological=topological, first_parent=first_parent)
        found = map(git.commit, ids)
    if occurring is not None:
        from mvc.history.touching import counting

        found = counting(context, found, occurring, paths, tensors)
    return islice(found if meant is None else filter(meant, found), limit)


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


def differing(git: Git, old: str | None, new: str | None) -> Iterator[str]:
    """The paths of which mode or blob differs between two trees; None is the empty tree.

    A subtree that is the same on both sides is not read.
    """
    return (path for path, _, _ in differences(git, old, new))


def differences(
    git: Git, old: str | None, new: str | None, folder: str = ""
) -> Iterator[tuple[str, Place | None, Place | None]]:
    """``differing``, with what each side has at the path, where that is a file."""
    before, after = (git.folder(tree) if tree else {} for tree in (old, new))
    for name in sorted({*before, *after}):
        was, is_ = before.get(name), after.get(name)
        if was == is_:
            continue
        file, file_ = (side if side and side[0] != TREE_MODE else None for side in (was, is_))
        below = [side[1] if side and side[0] == TREE_MODE else None for side in (was, is_)]
        if file or file_:
            yield folder + name, file, file_
        if any(below):
            yield from differences(git, below[0], below[1], f"{folder}{name}/")


def _same(context: Context, paths: Sequence[str], tensors: Sequence[str]) -> simplifying.Same:
    """Whether a commit left ``paths``, or these tensors of theirs, as its parent has them."""
    if tensors:
        from mvc.history.touching import same_tensors  # what lists files alone starts without

        return same_tensors(context, paths, tensors)

    def same(old: str | None, new: str) -> bool:
        changed = differing(context.git, old, new)
        return not any(path != PATH and matches(path, paths) for path in changed)

    return same
