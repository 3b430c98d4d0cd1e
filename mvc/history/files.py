"""A tracked file as bytes, put together from its skeleton and its spans."""

from __future__ import annotations

from collections.abc import Iterator

from mvc.errors import CorruptPack, IntegrityError, UsageError
from mvc.formats.layout import Storage
from mvc.formats.skeleton import Skeleton
from mvc.history.context import Context
from mvc.history.manifest import Manifest
from mvc.history.snapshot import Snapshot
from mvc.ids import ObjectId
from mvc.limits import WINDOW
from mvc.store.store import Store


def chunks(context: Context, files: Snapshot, path: str) -> Iterator[memoryview]:
    """The bytes of ``path`` in order; a piece is valid until the next is asked for.

    Raises:
        UsageError: the snapshot has no such file.
        IntegrityError: stored bytes are damaged or missing.
    """
    if path not in files:
        raise UsageError(f"path '{path}' does not exist there", hint="mvc ls REVISION lists files")
    manifest = files.manifest(path)
    if manifest is None:
        yield memoryview(files.blob(path))
        return
    if manifest.content is not None:
        yield from context.store.chunks(manifest.content, WINDOW)
        return
    skeleton, spans = plan(context.store, manifest, path)
    for piece in skeleton.pieces():
        if isinstance(piece, Storage):
            yield from context.store.chunks(spans[piece.key], WINDOW)
        else:
            yield piece[1]


def is_stored(context: Context, files: Snapshot, path: str) -> bool:
    """Whether all that ``path`` is made of is there, by name; its bytes are not looked at."""
    try:
        manifest = files.manifest(path)
    except IntegrityError:
        return False
    return manifest is None or all(id_ in context.store for id_ in manifest.object_ids())


def plan(store: Store, manifest: Manifest, path: str) -> tuple[Skeleton, dict[str, ObjectId]]:
    """The skeleton of a file, and the object that fills each of its spans.

    Raises:
        CorruptPack: the manifest and the skeleton do not belong together.
    """
    assert manifest.skeleton is not None
    skeleton = Skeleton.decode(store.read(manifest.skeleton))
    ids = manifest.span_ids()
    missing = [span.key for span in skeleton.spans if span.key not in ids]
    if missing or skeleton.size != manifest.size:
        raise CorruptPack(f"{path}: its manifest does not fit its skeleton (span {missing[:1]})")
    return skeleton, ids
