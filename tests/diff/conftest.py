"""A side of a comparison that lives in memory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pytest

from mvc.arrays import to_bytes
from mvc.errors import MissingObject
from mvc.history.manifest import BYTES, Conflict, Entry, Manifest, StorageEntry
from mvc.ids import BlobId, ObjectId, object_id
from mvc.limits import WINDOW

Tensors = Mapping[str, np.ndarray]


class MemorySide:
    """Files of a ``Side``; counts what is read from it."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[int, BlobId]] = {}
        self.opened: list[str] = []
        self.read: list[str] = []
        self._texts: dict[str, bytes] = {}
        self._manifests: dict[str, Manifest] = {}
        self._objects: dict[ObjectId, bytes] = {}

    def manifest(self, path: str) -> Manifest | None:
        self.opened.append(path)
        return self._manifests.get(path)

    def text(self, path: str) -> bytes:
        return self._texts[path]

    def rest(self, path: str) -> bytes:
        skeleton = self._manifests[path].skeleton
        assert skeleton is not None
        header = json.dumps({"__metadata__": {"skeleton": skeleton}}).encode()
        return len(header).to_bytes(8, "little") + header

    def chunks(self, path: str, entry: Entry, window: int = WINDOW) -> Iterator[memoryview]:
        self.read.append(entry.name)
        if entry.id not in self._objects:
            raise MissingObject(f"no object {entry.id}")
        data = memoryview(self._objects[entry.id])
        for start in range(0, len(data), window):
            yield data[start : start + window]

    def add_text(self, path: str, text: bytes | str, mode: int = 0o100644) -> MemorySide:
        data = text.encode() if isinstance(text, str) else text
        self._texts[path] = data
        return self._put(path, mode, data)

    def add_bytes(self, path: str, content: bytes) -> MemorySide:
        id_ = object_id(content)
        self._objects[id_] = content
        return self.add_manifest(path, Manifest(BYTES, len(content), content=id_))

    def add_model(
        self,
        path: str,
        tensors: Tensors,
        *,
        header: str = "",
        conflicts: tuple[Conflict, ...] = (),
        unnamed: bytes = b"",
        mode: int = 0o100644,
    ) -> MemorySide:
        entries = [self.entry(name, array) for name, array in sorted(tensors.items())]
        storages = (StorageEntry("rest", len(unnamed), object_id(unnamed)),) if unnamed else ()
        described = repr([(e.name, e.dtype, e.shape) for e in entries]) + header
        manifest = Manifest(
            "safetensors",
            sum(len(self._objects[e.id]) for e in entries),
            skeleton=object_id(described.encode()),
            tensors=tuple(entries),
            storages=storages,
            conflicts=conflicts,
        )
        return self.add_manifest(path, manifest, mode)

    def add_manifest(self, path: str, manifest: Manifest, mode: int = 0o100644) -> MemorySide:
        self._manifests[path] = manifest
        self._texts[path] = manifest.encode()
        return self._put(path, mode, manifest.encode())

    def entry(self, name: str, array: np.ndarray) -> Entry:
        dtype, shape, data = to_bytes(array)
        self._objects[object_id(data)] = data
        return Entry(name, dtype, shape, object_id(data))

    def lose(self, array: np.ndarray) -> None:
        """Forget the bytes of a tensor, as a damaged store does."""
        del self._objects[object_id(to_bytes(array)[2])]

    def _put(self, path: str, mode: int, data: bytes) -> MemorySide:
        self.files[path] = (mode, BlobId(hashlib.sha1(data).hexdigest()))
        return self


@pytest.fixture
def side() -> Callable[[], MemorySide]:
    return MemorySide
