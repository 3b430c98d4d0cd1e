"""All digests of a file from one reading of it.

SHA-256 of the whole and BLAKE3 of every storage are taken from the same buffers, by two threads: hashlib and
blake3 let go of Python's lock while they hash, and SHA-256 is the slower of the two, so the file costs what
SHA-256 alone does. Memory is bounded by the buffers, whatever the size of the file or of a tensor.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue

from blake3 import blake3

from mvc.formats.layout import Storage
from mvc.ids import ObjectId
from mvc.limits import MIB
from mvc.store.source import ByteSource

#: 1 to 8 MiB are equally fast; three let the threads be a buffer apart.
BUFFER = 4 * MIB
_BUFFERS = 3

Piece = tuple[int, memoryview]


def digests(source: ByteSource, storages: Sequence[Storage]) -> tuple[str, list[ObjectId]]:
    """SHA-256 of ``source`` in hexadecimal, and the id of each of ``storages`` (sorted by offset).

    Raises:
        MvcError: the file became shorter.
        StorageError: it can't be read.
    """
    sha256 = hashlib.sha256()
    buffers = [memoryview(bytearray(min(BUFFER, max(1, source.length)))) for _ in range(_BUFFERS)]
    if not storages:
        for _, piece in _pieces(source, lambda: buffers[0]):
            sha256.update(piece)
        return sha256.hexdigest(), []
    follower = _Follower(storages, buffers)
    try:
        for offset, piece in _pieces(source, follower.free.get):
            follower.full.put((offset, piece))
            sha256.update(piece)
    finally:
        ids = follower.finish()
    return sha256.hexdigest(), ids


def _pieces(source: ByteSource, take: Callable[[], memoryview]) -> Iterator[Piece]:
    for offset in range(0, source.length, BUFFER):
        piece = take()[: min(BUFFER, source.length - offset)]
        source.read_into(offset, piece)
        yield offset, piece


class _Follower:
    """The second thread: hashes storages out of the buffers that the first has filled."""

    def __init__(self, storages: Sequence[Storage], buffers: Sequence[memoryview]) -> None:
        self.free: SimpleQueue[memoryview] = SimpleQueue()
        self.full: SimpleQueue[Piece | None] = SimpleQueue()
        for buffer in buffers:
            self.free.put(buffer)
        self._storages = storages
        self._ids: list[ObjectId] = []
        self._hasher = blake3()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def finish(self) -> list[ObjectId]:
        """The ids, once all that was put has been hashed."""
        self.full.put(None)
        self._thread.join()
        return self._ids

    def _run(self) -> None:
        while (item := self.full.get()) is not None:
            offset, piece = item
            try:
                self._hash(offset, piece)
            finally:  # whatever happens, the first thread must not wait for a buffer forever
                self.free.put(memoryview(piece.obj))

    def _hash(self, offset: int, piece: memoryview) -> None:
        while len(self._ids) < len(self._storages):
            storage = self._storages[len(self._ids)]
            start, stop = storage.offset - offset, storage.offset + storage.length - offset
            self._hasher.update(piece[max(0, start) : max(0, stop)])
            if stop > len(piece):
                return
            self._ids.append(ObjectId(self._hasher.hexdigest()))
            self._hasher = blake3()
