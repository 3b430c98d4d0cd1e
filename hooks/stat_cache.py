"""Which files need no reading: their times say that they are as they were when they were last hashed.

A file under ``.git/``, private to one work tree, and worth nothing but time: whatever is wrong with it, files
are read again. It holds a digest of each file's entry, so an entry of ``.weight_hashes.json`` that was edited
by hand is not believed. What makes times trustworthy is ``mvc.worktree.index_text``'s affair.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable

from hooks.weight_hashes import Weight, encode_one
from mvc.errors import StorageError
from mvc.ids import object_id
from mvc.store.fs import Disk
from mvc.worktree.index_text import fingerprint, settled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hooks.weight_file import Seen  # what reads files is not loaded before one is to be read

NAME = "mvc-weight-hashes"

_Row = tuple[str, int, str]


class StatCache:
    """Facts by path: fingerprint, clock in ns when it was taken, digest of the entry."""

    def __init__(self, folder: str) -> None:
        self._place = os.path.join(folder, NAME)
        self._written = 0
        self._new: dict[str, _Row] = {}
        self._rows: dict[str, _Row] = {}
        try:
            with open(self._place, "rb") as file:
                self._written = os.fstat(file.fileno()).st_mtime_ns
                self._rows = _decode(file.read())
        except (OSError, ValueError):
            return

    def knows(self, path: str, status: os.stat_result, weight: Weight, opaque: bool) -> bool:
        """Whether the file with this ``status`` is the one that ``weight`` was made from."""
        row = self._rows.get(path)
        return (
            row is not None
            and row[0] == fingerprint(status)
            and settled(status, row[1], self._written)
            and row[2] == _digest(path, weight, opaque)
        )

    def learn(self, path: str, seen: Seen, weight: Weight, opaque: bool) -> None:
        """``weight`` was made from the file that was ``seen``."""
        row = fingerprint(seen.status), seen.seen, _digest(path, weight, opaque)
        self._new[path] = row

    def save(self, paths: Iterable[str]) -> None:
        """Write what is known of ``paths``, where anything was learnt; a failure costs only time."""
        if not self._new:
            return
        known = self._rows | self._new
        rows = {path: known[path] for path in paths if path in known}
        try:
            Disk().write_whole(self._place, _encode(rows), durable=False)
        except StorageError:
            return


def _digest(path: str, weight: Weight, opaque: bool) -> str:
    return object_id(b"%d " % opaque + encode_one(path, weight))


def _encode(rows: dict[str, _Row]) -> bytes:
    body = json.dumps(rows).encode("ascii")
    return b"%08x " % zlib.crc32(body) + body


def _decode(data: bytes) -> dict[str, _Row]:
    checksum, _, body = data.partition(b" ")
    if checksum != b"%08x" % zlib.crc32(body):
        raise ValueError("not a stat cache, or a damaged one")
    return {path: (str(f), int(seen), str(d)) for path, (f, seen, d) in json.loads(body).items()}
