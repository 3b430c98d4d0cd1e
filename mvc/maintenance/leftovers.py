"""Files that a killed process was writing and nobody will finish.

Writers of objects and packs are held off while this looks, so what they left is dead for certain. Caches and
rebuilt files are written without a lock, and Git takes none of ours: theirs are dead when nothing was written
to them for a while.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

#: Seconds after which a file that is being written without a lock counts as given up.
_FORSAKEN = 3600.0


def find(folder: str, now: float) -> Iterator[tuple[str, int]]:
    """Path and bytes of each, in the repository ``folder``."""
    for entry in _files(folder, "objects"):
        if entry.name.startswith("tmp_obj_"):
            yield entry.path, entry.stat().st_size
    for entry in _files(folder, "store", "incoming"):
        yield entry.path, entry.stat().st_size
    for entry in _unlocked(folder):
        status = entry.stat(follow_symlinks=False)
        if status.st_mtime <= now - _FORSAKEN:
            yield entry.path, status.st_size


def _unlocked(folder: str) -> Iterator[os.DirEntry[str]]:
    yield from _files(folder, "tmp")
    yield from (entry for entry in _files(folder) if entry.name.endswith(".tmp"))
    packs = _files(folder, "objects", "pack")
    indexes = {entry.name.removesuffix(".idx") for entry in packs}
    for entry in packs:
        stem, _, ending = entry.name.rpartition(".")
        # A pack's index comes last and goes first; without it nothing reads the pack.
        if entry.name.startswith("tmp_") or (ending == "pack" and stem not in indexes):
            yield entry


def _files(*place: str) -> list[os.DirEntry[str]]:
    with os.scandir(os.path.join(*place)) as entries:
        found = [entry for entry in entries if entry.is_file(follow_symlinks=False)]
    return sorted(found, key=lambda entry: entry.name)
