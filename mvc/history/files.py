"""A tracked file as bytes, put together from its skeleton and its spans."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from mvc.errors import CorruptPack, IntegrityError, UsageError
from mvc.formats.layout import Storage
from mvc.formats.skeleton import Skeleton
from mvc.history.context import Context
from mvc.history.manifest import Manifest
from mvc.history.snapshot import Snapshot
from mvc.ids import ObjectId
from mvc.limits import MIB, WINDOW
from mvc.store.store import Store

#: Small spans are read this many bytes at once: one after the other, each would be decoded on one core.
_TOGETHER = 16 * MIB
#: A span, or the bytes between two with their offset.
Piece: TypeAlias = Storage | tuple[int, memoryview]


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
    skeleton, ids = plan(context.store, manifest, path)
    memory = memoryview(bytearray(min(_TOGETHER, manifest.size)))
    for row in _rows(skeleton):
        if len(row) == 1 and isinstance(row[0], Storage) and row[0].length > len(memory):
            yield from context.store.chunks(ids[row[0].key], WINDOW)
        elif len(row) == 1 and not isinstance(row[0], Storage):
            yield row[0][1]
        else:
            yield _filled(context.store, row, ids, memory, path)


def _rows(skeleton: Skeleton) -> Iterator[list[Piece]]:
    """Pieces that follow each other and are read together, as long as they are small."""
    row: list[Piece] = []
    length = 0
    for piece in skeleton.pieces():
        more = piece.length if isinstance(piece, Storage) else len(piece[1])
        if row and length + more > _TOGETHER:
            yield row
            row, length = [], 0
        row.append(piece)
        length += more
    if row:
        yield row


def _filled(
    store: Store, row: list[Piece], ids: dict[str, ObjectId], memory: memoryview, path: str
) -> memoryview:
    """The pieces of ``row``, whose objects are decoded on all cores at once."""
    spans: list[tuple[ObjectId, int]] = []
    end = 0
    for piece in row:
        if not isinstance(piece, Storage):
            memory[end : end + len(piece[1])] = piece[1]
            end += len(piece[1])
        elif piece.length:
            check_length(store, path, ids[piece.key], piece.length)
            spans.append((ids[piece.key], end))
            end += piece.length

    def write_at(data: memoryview, offset: int) -> None:
        memory[offset : offset + data.nbytes] = data

    store.extract(spans, write_at)
    return memory[:end]


def check_length(store: Store, path: str, id_: ObjectId, length: int) -> None:
    """An object of another length would spill over its neighbours.

    Raises:
        CorruptPack: it has another length.
    """
    found = store.length(id_)
    if found != length:
        raise CorruptPack(
            f"{path}: its manifest gives a span of {length} bytes the object {id_} of {found} bytes",
            hint="mvc fsck --full names what is whole",
        )


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
