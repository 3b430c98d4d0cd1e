"""``.mvc/lost-found/<time>/``: where repair puts all that it takes away or replaces. Nothing is ever deleted.

A file lies there under the path that it had in ``.mvc``, so that it can be put back by hand.
"""

from __future__ import annotations

import os
import time

from mvc.limits import MIB
from mvc.store.fs import Disk

FOLDER = "lost-found"


class LostFound:
    """The folder of one repair; made when the first thing is put there."""

    def __init__(self, folder: str, disk: Disk) -> None:
        self._folder = folder
        self._disk = disk
        stamp = time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime())
        self.name = f"{FOLDER}/{stamp}"
        number = 1
        while os.path.exists(os.path.join(folder, self.name)):
            number += 1
            self.name = f"{FOLDER}/{stamp}.{number}"

    def move(self, path: str) -> None:
        """Take the file away, durably.

        Raises:
            StorageError: it is where it was.
        """
        target = self._target(path)
        self._disk.replace(path, target)
        self._disk.sync_folder(os.path.dirname(target))
        self._disk.sync_folder(os.path.dirname(path))

    def copy(self, path: str) -> None:
        """Keep a copy of the file, durably, before it is replaced.

        Raises:
            StorageError: there is no whole copy.
        """
        target = self._target(path)
        with open(path, "rb") as source, self._disk.create(target) as file:
            while data := source.read(MIB):
                file.write(data)
            file.sync()
        self._disk.sync_folder(os.path.dirname(target))

    def _target(self, path: str) -> str:
        target = os.path.join(self._folder, self.name, os.path.relpath(path, self._folder))
        self._disk.make_folder(os.path.dirname(target))
        number = 1
        free = target
        while os.path.lexists(free):
            number += 1
            free = f"{target}.{number}"
        return free
