"""The bytes of a tensor, wherever its manifest says they lie: an object of its own, or a view of one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mvc.dtypes import DTYPES, nbytes
from mvc.errors import CorruptPack, HashMismatch
from mvc.history.manifest import Entry, Manifest
from mvc.ids import object_id
from mvc.limits import WINDOW

if TYPE_CHECKING:
    from mvc.store.store import Store


def tensor_nbytes(entry: Entry) -> int:
    """Bytes of the tensor in row-major form."""
    return nbytes(entry.dtype, entry.shape)


def tensor_chunks(
    store: Store, manifest: Manifest, entry: Entry, window: int = WINDOW
) -> Iterator[memoryview]:
    """The tensor's row-major little-endian bytes, in pieces of at most ``window`` bytes.

    A piece is valid until the next one is asked for. A view is gathered in memory as a whole: they are
    rare and small next to a model.

    Raises:
        IntegrityError: the bytes are not those that the manifest names.
    """
    if entry.storage is None:
        yield from store.chunks(entry.id, window)
        return
    data = gather(_storage_bytes(store, manifest, entry), entry)
    if object_id(data) != entry.id:
        raise HashMismatch(f"the tensor {entry.name!r} does not hash to its id {entry.id}")
    view = memoryview(data)
    for start in range(0, len(view), window):
        yield view[start : start + window]


def tensor_bytes(store: Store, manifest: Manifest, entry: Entry) -> bytes:
    """The whole tensor in memory, row-major little-endian."""
    return b"".join(map(bytes, tensor_chunks(store, manifest, entry)))


def gather(storage: bytes, entry: Entry) -> bytes:
    """The row-major bytes of a strided view of ``storage``; strides and offset count elements."""
    import numpy as np

    width = DTYPES[entry.dtype].bits // 8
    if entry.strides is None:
        start = entry.offset * width
        return storage[start : start + tensor_nbytes(entry)]
    if 0 in entry.shape:
        return b""
    # A void dtype moves elements of any width as they are; NumPy has no BF16.
    flat = np.frombuffer(storage, dtype=np.dtype((np.void, width)))
    reach = entry.offset + sum((n - 1) * s for n, s in zip(entry.shape, entry.strides, strict=True))
    if reach >= flat.size or min(entry.strides, default=0) < 0:
        raise CorruptPack(f"the tensor {entry.name!r} reaches past its storage")
    strides = [s * width for s in entry.strides]
    view = np.lib.stride_tricks.as_strided(flat[entry.offset :], entry.shape, strides)
    return view.tobytes()


def _storage_bytes(store: Store, manifest: Manifest, entry: Entry) -> bytes:
    for storage in manifest.storages:
        if storage.key == entry.storage:
            return b"".join(map(bytes, store.chunks(storage.id)))
    raise CorruptPack(f"the storage {entry.storage!r} of tensor {entry.name!r} is in no line")
