"""One side of a comparison: a commit, the stage, or (in ``worktree``) the files on disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

from mvc import formats
from mvc.history.manifest import Entry, Manifest
from mvc.history.snapshot import Snapshot
from mvc.history.tensors import tensor_chunks
from mvc.ids import BlobId
from mvc.limits import WINDOW

if TYPE_CHECKING:
    from mvc.store.store import Store


class Side(Protocol):
    """Where ``diff`` reads from. Blob ids tell equal files without reading them."""

    @property
    def files(self) -> Mapping[str, tuple[int, BlobId]]:
        """``path -> (mode, blob id)``."""
        ...

    def manifest(self, path: str) -> Manifest | None:
        """The manifest of a file that is not text."""
        ...

    def text(self, path: str) -> bytes:
        """The content of a text file."""
        ...

    def rest(self, path: str) -> bytes:
        """All that a model file holds besides the bytes of its storages and checksums of them."""
        ...

    def chunks(self, path: str, entry: Entry, window: int = WINDOW) -> Iterator[memoryview]:
        """The row-major bytes of one tensor of ``path``; a piece is valid until the next."""
        ...


def rest(format_: str, skeleton: bytes) -> bytes:
    """``Side.rest`` of an encoded skeleton; all of it where the format can't tell what is a checksum."""
    composer = formats.composer(format_)
    return skeleton if composer is None else composer.rest(skeleton)


class SnapshotSide:
    """A commit or the stage, read from the store."""

    def __init__(self, snapshot: Snapshot, store: Store) -> None:
        self._snapshot = snapshot
        self._store = store

    @property
    def files(self) -> Mapping[str, tuple[int, BlobId]]:
        """``path -> (mode, blob id)``."""
        return self._snapshot

    def manifest(self, path: str) -> Manifest | None:
        """The manifest of a file that is not text."""
        return self._snapshot.manifest(path)

    def text(self, path: str) -> bytes:
        """The content of a text file."""
        return self._snapshot.blob(path)

    def rest(self, path: str) -> bytes:
        """All that a model file holds besides the bytes of its storages and checksums of them."""
        manifest = self._snapshot.manifest(path)
        assert manifest is not None and manifest.skeleton is not None
        return rest(manifest.format, self._store.read(manifest.skeleton))

    def chunks(self, path: str, entry: Entry, window: int = WINDOW) -> Iterator[memoryview]:
        """The row-major bytes of one tensor of ``path``."""
        manifest = self._snapshot.manifest(path)
        assert manifest is not None
        return tensor_chunks(self._store, manifest, entry, window)
