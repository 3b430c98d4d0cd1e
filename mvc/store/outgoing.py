"""A pack and an index on their way out: written in ``incoming/``, synced, renamed into their folders.

The order is what a crash relies on: a pack is durable under its name before an index names it, and an
index is durable before those that it absorbed are removed.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import secrets
from collections import deque
from typing import TYPE_CHECKING

from blake3 import blake3

from mvc.errors import StorageError
from mvc.limits import MIB
from mvc.store import index, pack, workers
from mvc.store.index import Index
from mvc.store.memory import copy

if TYPE_CHECKING:
    from concurrent.futures import Future

    from mvc.store.catalog import Catalog
    from mvc.store.fs import Disk, File

#: Bytes of a write past the page cache; half of it is as fast, an eighth is not.
_BLOCK = 4 * MIB
#: Blocks on their way to the disk: about what a slot of the writer becomes, so that it never waits while
#: another slot could be filled.
_BLOCKS = 6


class OutgoingPack:
    """A pack being written; nothing of it is visible before ``publish``.

    Full blocks are written by another thread, in order: the disk's time is nobody else's.
    """

    def __init__(self, incoming: str, disk: Disk) -> None:
        self._disk = disk
        path = os.path.join(incoming, secrets.token_hex(16) + pack.SUFFIX)
        self._file: File | None = disk.create(path)
        self._block = memoryview(mmap.mmap(-1, _BLOCK))
        self._leaving: deque[tuple[Future[None], memoryview]] = deque()
        self._filled = 0
        self._written = 0
        self.append(pack.header())

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self._written + self._filled

    def append(self, data: bytes | memoryview) -> None:
        """Add to the end.

        Raises:
            StorageError
        """
        view = memoryview(data)
        while view:
            part = view[: _BLOCK - self._filled]
            copy(part, self._block[self._filled : self._filled + len(part)])
            self._filled += len(part)
            view = view[len(part) :]
            if self._filled == _BLOCK:
                self._send()

    def publish(self, table: bytes, folder: str) -> str:
        """Close the pack with its table and make it durable in ``folder``; its name.

        Raises:
            StorageError: nothing was published.
        """
        assert self._file is not None
        self.append(table + pack.encode_footer(self.size, table))
        while self._leaving:
            self._next_block()
        self._file.write(self._block[: self._filled])
        self._file.sync()
        self._file.close()
        name = blake3(table).hexdigest()
        self._disk.replace(self._file.path, os.path.join(folder, name + pack.SUFFIX))
        self._file = None
        self._disk.sync_folder(folder)
        return name

    def abandon(self) -> None:
        """Leave nothing behind; harmless after ``publish``."""
        file, self._file = self._file, None
        workers.settle(future for future, _ in self._leaving)
        if file is not None:
            with contextlib.suppress(StorageError):
                file.close()
            with contextlib.suppress(StorageError):
                self._disk.remove(file.path)

    def _send(self) -> None:
        """Let the full block go, and have another one."""
        assert self._file is not None
        if self._written == 0:
            self._file.bypass_cache()
        self._leaving.append((workers.courier().submit(self._file.write, self._block), self._block))
        self._written += _BLOCK
        self._filled = 0
        if len(self._leaving) < _BLOCKS:
            self._block = memoryview(mmap.mmap(-1, _BLOCK))
        else:
            self._block = self._next_block()

    def _next_block(self) -> memoryview:
        """The block that left first, once it has arrived."""
        future, block = self._leaving.popleft()
        future.result()
        return block


def publish_index(new: Index, catalog: Catalog, incoming: str, disk: Disk) -> None:
    """Make ``new``, and what it absorbs, a durable index file.

    Raises:
        StorageError: the pack stays readable through its own table.
    """
    catalog.refresh()
    taken = index.absorbed(catalog.index_files(), len(new))
    data = index.merged([new, *taken])
    name = index.file_name(data)
    disk.write_whole(os.path.join(catalog.index_folder, name), data, via=incoming)
    for one in taken:
        if one.name != name:
            # One that stays (Windows: someone maps it) says nothing that the new one doesn't.
            with contextlib.suppress(StorageError):
                disk.remove(os.path.join(catalog.index_folder, one.name))
