"""Files that a killed process was writing and nobody will finish.

Writers of objects and packs are held off while this looks, so what they left is dead for certain. Caches and
rebuilt files are written without a lock: theirs are dead when nothing was written to them for a while.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

#: Seconds after which a file that is being written without a lock counts as given up.
_FORSAKEN = 3600.0


def find(folder: str, now: float) -> Iterator[tuple[str, int]]:
    """Path and bytes of each, in the repository ``folder``."""
    objects = os.path.join(folder, "objects")
    for place, starts, ends, age in (
        (objects, "tmp_obj_", "", 0.0),
        (
            os.path.join(objects, "pack"),
            "tmp_",
            "",
            _FORSAKEN,
        ),  # Git's own; it takes no lock of ours
        (os.path.join(folder, "store", "incoming"), "", "", 0.0),
        (os.path.join(folder, "tmp"), "", "", _FORSAKEN),
        (folder, "", ".tmp", _FORSAKEN),
    ):
        with os.scandir(place) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.name.startswith(starts) and entry.name.endswith(ends):
                    if entry.is_file(follow_symlinks=False):
                        status = entry.stat(follow_symlinks=False)
                        if status.st_mtime <= now - age:
                            yield entry.path, status.st_size
