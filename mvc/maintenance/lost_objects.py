"""Lost objects that can be made again: from files of the work tree, and trees from what lists their files.

Every object is named by its hash, so what is made again is the very thing that was lost, or is not taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from mvc.errors import MvcError
from mvc.history.context import Context
from mvc.history.refs import STAGE
from mvc.history.snapshot import Snapshot
from mvc.maintenance.connectivity import Loss
from mvc.worktree import index
from mvc.worktree.ingest import describe, take_in
from mvc.worktree.place import look


def bring_back(
    context: Context, losses: Sequence[Loss], *, dry_run: bool
) -> Iterator[tuple[str, set[str]]]:
    """What gave back lost objects, with their ids.

    Raises:
        StorageError: the disk refused.
    """
    lost = {loss.id for loss in losses}
    yield from trees(context, lost, dry_run=dry_run)
    for path in _candidates(context, losses):
        for opaque in (False, True):
            try:
                _, blob, manifest = describe(context, path, opaque_ok=True, opaque=opaque)
            except MvcError:
                break
            held = {blob, *(manifest.object_ids() if manifest else ())} & lost
            if held:
                if not dry_run:
                    objects = context.writer()
                    take_in(context, objects, [path], opaque={path} if opaque else frozenset())
                    objects.flush()
                lost -= held
                yield f"{path} in the work tree", held
                break
        if not lost:
            return


def _candidates(context: Context, losses: Sequence[Loss]) -> list[str]:
    """Paths whose files may hold something: those that a loss names, and all that are tracked."""
    paths = dict.fromkeys(loss.path for loss in losses if loss.path is not None)
    for files in _listings(context):
        paths |= dict.fromkeys(files)
    return [path for path in paths if look(context.root, path) is not None]


def _listings(context: Context) -> Iterator[dict[str, tuple[int, str]]]:
    """What is known of the stage's and HEAD's files, from wherever it can be read."""
    yield {path: (known.mode, known.blob) for path, known in index.load(context).entries.items()}
    try:
        head = context.refs.head()
        if head is not None:
            yield dict(Snapshot.of_tree(context.git, context.git.commit(head).tree))
        yield dict(Snapshot.of_tree(context.git, context.refs.raw(STAGE)))
    except MvcError:
        return


def trees(context: Context, lost: set[str], *, dry_run: bool) -> Iterator[tuple[str, set[str]]]:
    """Folders' lists of files, made again from the stat cache or from HEAD, and taken out of ``lost``."""
    for files in _listings(context):
        objects = context.writer()
        with suppress(MvcError):
            objects.files(files)
        held = {id_ for id_ in lost if id_ in objects}
        if held:
            if not dry_run:
                objects.flush()
            lost -= held
            yield "the list of tracked files", held
