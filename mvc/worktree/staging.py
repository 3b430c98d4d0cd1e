"""``add``, ``rm`` and ``mv``: what of the work tree is on the stage.

Files are read and packed before the lock is taken; under it only the stage moves.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence

from mvc import paths as tracked
from mvc.errors import DirtyWorktree, MvcError, StorageError, UsageError
from mvc.history.context import Context, writes_objects
from mvc.history.files import is_stored
from mvc.history.log import matches
from mvc.history.refs import OPERATIONS, STAGE, UNFINISHED
from mvc.history.signature import Signature
from mvc.history.snapshot import Snapshot
from mvc.history.transaction import head_snapshot, read_stage, transaction
from mvc.history.undecided import undecided
from mvc.history.unfinished import settle
from mvc.store.writing import PackReport
from mvc.values import dataclass
from mvc.worktree import index
from mvc.worktree.candidates import is_weights
from mvc.worktree.code_repository import hide
from mvc.worktree.ingest import Progress, Taken, take_in
from mvc.worktree.place import check_way, folder_above, look
from mvc.worktree.scan import scan
from mvc.worktree.status import changed_paths


@dataclass(frozen=True, slots=True)
class Added:
    """What ``add`` did: paths taken and paths whose removal it staged, and what the store gained."""

    paths: tuple[str, ...]
    removed: tuple[str, ...]
    report: PackReport | None


@writes_objects
def add(
    context: Context,
    paths: Sequence[str],
    *,
    everything: bool,
    update: bool,
    opaque: bool,
    force: bool,
    who: Signature | None,
    progress: Progress | None,
) -> Added:
    """Stage the files that ``paths`` name (files, folders, globs), and the removal of those gone.

    Raises:
        UsageError: a path matches nothing, or is ignored and ``force`` is off.
        FormatError: a file is not what its name says and ``opaque`` is off.
    """
    stage = read_stage(context)
    wanted = list(paths) or ([""] if everything or update else [])
    if not wanted:
        raise UsageError("nothing specified, nothing added", hint="mvc add . or mvc add FILE")
    # To add a file settles it, as in Git; a folder, or all, is no word about a file that is as it was.
    conflicts = {} if context.refs.raw(UNFINISHED) else undecided(context, stage)
    meant = [path for path in conflicts if path in wanted]
    present, removed = _select(context, stage, wanted, meant, update=update, force=force)
    for path in meant:
        del conflicts[path]
    objects = context.writer()
    taken: Taken | None = None
    if present:
        refused = frozenset(present) if opaque else frozenset[str]()
        taken = take_in(
            context, objects, present, opaque=refused, undecided=conflicts, progress=progress
        )
        # The blobs must be on disk before the lock: a manifest of 100,000 lines takes its time.
        objects.flush()
    files = taken.files if taken else {}
    changed = tuple(path for path in present if stage.get(path) != files[path])
    if not changed and not removed and context.refs.raw(UNFINISHED) is None:
        if taken:
            index.refresh(context)
        return Added((), (), taken.report if taken and taken.report.new_objects else None)
    changes = {**files, **dict.fromkeys(removed)}
    with transaction(context, "add", who) as current:
        current.put_stage(current.stage.with_files(changes))
        settle(current, changes)
        current.message = f"add: {tracked.named(paths) or 'everything'}"
    hide(context.root, [path for path in present if is_weights(path)], context.disk)
    index.refresh(context)
    return Added(changed, tuple(removed), taken.report if taken else None)


@contextlib.contextmanager
def unless_in_vain(context: Context, who: Signature | None) -> Iterator[None]:
    """What is staged on the way to a commit stays only if the commit comes about, as with ``git commit -a``."""
    before = {ref: context.refs.raw(ref) for ref in (STAGE, UNFINISHED)}
    try:
        yield
    except MvcError:
        with transaction(context, "commit", who) as current:
            for ref, value in before.items():
                current.move(ref, value)
            current.message = "commit -a: in vain; the stage is as it was"
        index.refresh(context)
        raise


def remove(
    context: Context,
    paths: Sequence[str],
    *,
    cached: bool,
    force: bool,
    recursive: bool,
    who: Signature | None,
) -> list[str]:
    """Take files off the stage and, unless ``cached``, out of the work tree.

    Raises:
        UsageError: a path is not tracked, or is a folder and ``recursive`` is off.
        DirtyWorktree: a file has changes that no commit holds and ``force`` is off.
    """
    stage = read_stage(context)
    doomed: list[str] = []
    for pattern in paths:
        found = [path for path in stage if matches(path, [pattern])]
        if not found:
            raise UsageError(
                f"pathspec '{pattern}' did not match any files", hint="mvc ls lists them"
            )
        if (
            not recursive
            and pattern not in stage
            and any(p.startswith(f"{pattern}/") for p in found)
        ):
            raise UsageError(f"not removing '{pattern}' recursively without -r")
        doomed += found
    doomed = list(dict.fromkeys(doomed))
    if not force:
        _refuse_unsaved(context, stage, doomed, cached)
    if not cached:  # before the stage, as in Git: what a fault leaves can be removed again
        _delete(context, doomed)
    with transaction(context, "rm", who) as current:
        gone = dict.fromkeys(doomed)
        current.put_stage(current.stage.with_files(gone))
        settle(current, gone)
        current.message = f"rm: {tracked.named(paths)}"
    index.refresh(context)
    return doomed


def move(
    context: Context, sources: Sequence[str], target: str, *, force: bool, who: Signature | None
) -> list[tuple[str, str]]:
    """Rename tracked files or folders, in the work tree and on the stage.

    Raises:
        UsageError: a source is not tracked, or the target is taken and ``force`` is off.
    """
    pairs = _pairs(context, read_stage(context), sources, target, force)
    with transaction(context, "mv", who) as current:
        moved = {end: current.stage.get(source) for source, end in pairs}
        current.put_stage(current.stage.with_files({**{s: None for s, _ in pairs}, **moved}))
        current.message = f"mv: {', '.join(sources)} {target}"
        with _renamed(context, pairs):
            current.finish()
    index.refresh(context)
    return pairs


@contextlib.contextmanager
def _renamed(context: Context, pairs: Sequence[tuple[str, str]]) -> Iterator[None]:
    """Files under their new names, durably; under the old ones again when the block records nothing."""
    recorded = context.refs.raw(OPERATIONS)
    done: list[tuple[str, str]] = []
    try:
        for pair in pairs:
            _rename(context, *pair)
            done.append(pair)
        _settle(context, [*(end for _, end in pairs), *(source for source, _ in pairs)])
        yield
    except BaseException:
        if context.refs.raw(OPERATIONS) != recorded:
            raise
        for source, end in reversed(done):
            with contextlib.suppress(StorageError):
                _rename(context, end, source)
        raise


def _rename(context: Context, source: str, end: str) -> None:
    context.disk.make_folder(os.path.dirname(_absolute(context, end)))
    context.disk.replace(_absolute(context, source), _absolute(context, end))
    _tidy(context, source)


def _settle(context: Context, paths: Sequence[str]) -> None:
    """Make it durable that files came to ``paths``, or went from there."""
    for folder in dict.fromkeys(folder_above(context.root, path) for path in paths):
        context.disk.sync_folder(folder)


def _pairs(
    context: Context, stage: Snapshot, sources: Sequence[str], target: str, force: bool
) -> list[tuple[str, str]]:
    """Each tracked file that moves, with where it goes; refused before anything has moved."""
    into_folder = os.path.isdir(_absolute(context, target))
    if len(sources) > 1 and not into_folder:
        raise UsageError(f"destination '{target}' is not a directory")
    pairs: dict[str, str] = {}
    for source in sources:
        end = "/".join(filter(None, [target, source.rsplit("/", 1)[-1]])) if into_folder else target
        what = f"source={source}, destination={end}"
        inner = [path for path in stage if path == source or path.startswith(source + "/")]
        if not inner:
            raise UsageError(
                f"not under version control, {what}", hint="mvc ls lists tracked files"
            )
        if end == source or end.startswith(source + "/"):
            raise UsageError(f"can not move {source!r} into itself, {what}")
        if inner != [source] and os.path.lexists(_absolute(context, end)) and not into_folder:
            raise UsageError(f"cannot move directory over file, {what}")
        pairs |= {path: tracked.check(end + path[len(source) :]) for path in inner}
    for source, end in pairs.items():
        what = f"source={source}, destination={end}"
        if not _is_there(context, source):
            raise UsageError(f"bad source, {what}", hint="mvc status shows what is gone")
        _check_free(context, end, what, force)
    if len(set(pairs.values())) < len(pairs):
        raise UsageError(f"multiple sources for the same target in '{target}'")
    return list(pairs.items())


def _check_free(context: Context, end: str, what: str, force: bool) -> None:
    check_way(context.root, end)
    folder = os.path.dirname(_absolute(context, end))
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    if not os.path.isdir(folder):
        raise UsageError(f"destination's folder is a file, {what}")
    if os.path.isdir(_absolute(context, end)):
        raise UsageError(f"destination is a folder, {what}")
    if os.path.lexists(_absolute(context, end)) and not force:
        raise UsageError(f"destination exists, {what}", hint="mvc mv -f replaces it")


def _select(
    context: Context,
    stage: Snapshot,
    wanted: Sequence[str],
    meant: Sequence[str],
    *,
    update: bool,
    force: bool,
) -> tuple[list[str], list[str]]:
    """The paths to read, ``meant`` ones whatever is in them, and the tracked ones whose file is gone."""
    if update:
        present = [p for p in stage if matches(p, wanted) and _is_there(context, p)]
    else:
        present = scan(context.root, wanted, tracked=stage, force=force)
    absent = [p for p in stage if matches(p, wanted) and not _is_there(context, p)]
    for pattern in wanted:
        if pattern and not any(matches(p, [pattern]) for p in [*present, *absent]):
            if os.path.isdir(_absolute(context, pattern)):
                continue
            raise UsageError(
                f"pathspec '{pattern}' did not match any files",
                hint="mvc status lists what is there",
            )
    changed = changed_paths(context, stage, present, unread=True)
    # A file that is named is looked at closely: it may be the way to bring back what was lost.
    same = set(present).intersection(wanted, stage).difference(changed)
    lost = (path for path in same if not is_stored(context, stage, path))
    return sorted({*changed, *lost, *same.intersection(meant)}), absent


def _refuse_unsaved(context: Context, stage: Snapshot, doomed: Sequence[str], cached: bool) -> None:
    head = head_snapshot(context)
    edited = set(changed_paths(context, stage, [p for p in doomed if _is_there(context, p)]))
    staged = {path for path in doomed if head.get(path) != stage[path]}
    # `--cached` leaves the file itself, so only content that is nowhere else is at risk.
    unsaved = sorted(edited & staged if cached else edited | staged)
    if unsaved:
        raise DirtyWorktree(
            f"changes not in any commit would be lost: {', '.join(unsaved)}",
            hint="mvc commit them first, use --cached to keep the file, or -f to drop them",
        )


def _is_there(context: Context, path: str) -> bool:
    """Whether the tracked ``path`` still is a thing of its own: a folder in its place is not it."""
    status = look(context.root, path)
    return status is not None and not stat.S_ISDIR(status.st_mode)


def _delete(context: Context, paths: Sequence[str]) -> None:
    for path in paths:
        context.disk.remove(_absolute(context, path))
        _tidy(context, path)
    _settle(context, paths)


def _tidy(context: Context, path: str) -> None:
    """Remove the folders that a removal left empty, as Git does."""
    folder = os.path.dirname(path)
    while folder:
        context.disk.remove_folder(_absolute(context, folder))
        folder = os.path.dirname(folder)


def _absolute(context: Context, path: str) -> str:
    return os.path.join(context.root, *path.split("/")) if path else context.root
