"""A pack and an index on their way out: written in ``incoming/``, synced, renamed into their folders.

The order is what a crash relies on: a pack is durable under its name before an index names it, and an
index is durable before those that it absorbed are removed.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from typing import TYPE_CHECKING

from blake3 import blake3

from mvc.errors import StorageError
from mvc.store import index, pack
from mvc.store.blocks import Blocks
from mvc.store.index import Index

if TYPE_CHECKING:
    from mvc.store.catalog import Catalog
    from mvc.store.fs import Disk, File


class OutgoingPack:
    """A pack being written; nothing of it is visible before ``publish``. ``size``: its bytes so far."""

    def __init__(self, incoming: str, disk: Disk) -> None:
        self._disk = disk
        path = os.path.join(incoming, secrets.token_hex(16) + pack.SUFFIX)
        self._file: File | None = disk.create(path)
        self._blocks = Blocks(self._file)
        self.size = 0
        self.append(pack.header())

    def append(self, data: bytes | memoryview) -> None:
        """Add to the end.

        Raises:
            StorageError
        """
        view = memoryview(data)
        self._blocks.write_at(view, self.size)
        self.size += len(view)

    def publish(self, table: bytes, folder: str) -> str:
        """Close the pack with its table and make it durable in ``folder``; its name.

        Raises:
            StorageError: nothing was published.
        """
        assert self._file is not None
        self.append(table + pack.encode_footer(self.size, table))
        self._blocks.finish()
        self._blocks.close()
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
        self._blocks.close()
        if file is not None:
            with contextlib.suppress(StorageError):
                file.close()
            with contextlib.suppress(StorageError):
                self._disk.remove(file.path)


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
