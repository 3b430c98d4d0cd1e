"""The manifest of an open file, once the bytes of its storages have been hashed.

Owns the step from a layout and ids to the tensors that the manifest names, views included. It opens nothing,
knows no repository, and imports neither NumPy nor libgit2: the weight-hash hook stands on it.
"""

from __future__ import annotations

from collections.abc import Sequence

from mvc.formats.layout import Storage
from mvc.history.manifest import BYTES, Entry, Manifest, StorageEntry
from mvc.ids import ObjectId
from mvc.worktree.reading import Model, OpenFile, Plain
from mvc.worktree.views import is_whole, strides_of, view_ids


def manifest_of(
    opened: OpenFile, content: Model | Plain, ids: Sequence[ObjectId], skeleton: ObjectId | None
) -> Manifest:
    """The manifest of an open file: ``ids`` are those of its storages in order, or of all its bytes.

    Raises:
        MalformedFile, UnsupportedDtype, LimitExceeded: a tensor that looks into a storage can't be hashed.
    """
    if not isinstance(content, Model):
        return Manifest(BYTES, opened.size, content=ids[0])
    layout = content.layout
    by_key = {storage.key: id_ for storage, id_ in zip(layout.storages, ids, strict=True)}
    whole = {tensor.name for tensor in layout.tensors if is_whole(tensor)}
    views = view_ids(opened, layout, (t for t in layout.tensors if t.name not in whole))
    tensors = [
        Entry(t.name, t.dtype, t.shape, by_key[t.storage])
        if t.name in whole
        else Entry(t.name, t.dtype, t.shape, views[t.name], t.storage, t.offset, strides_of(t))
        for t in layout.tensors
    ]
    shared = [storage for storage in layout.storages if storage.key not in whole]
    return Manifest(
        format=layout.format,
        size=layout.size,
        skeleton=skeleton,
        tensors=tuple(sorted(tensors, key=lambda entry: entry.name)),
        storages=tuple(_storage_entry(s, by_key) for s in sorted(shared, key=lambda s: s.key)),
    )


def _storage_entry(storage: Storage, by_key: dict[str, ObjectId]) -> StorageEntry:
    return StorageEntry(storage.key, storage.length, by_key[storage.key])
