"""The horizon: the operation behind which the operation log has been forgotten.

Kept in ``.mvc/shallow``, which is Git's own word for "these commits have no parents here": Git, libgit2 and
mvc all stop there, so that nothing is rewritten when the log is cut, and what lay behind may be collected.
Source: Git's ``Documentation/technical/shallow.txt``.
"""

from __future__ import annotations

import os

from mvc.errors import CorruptPack
from mvc.history.refs import is_id
from mvc.store.fs import Disk

_NAME = "shallow"


def read(folder: str) -> frozenset[str]:
    """The commits whose parents do not count; none when nothing was ever forgotten.

    Raises:
        CorruptPack: the file is damaged.
    """
    path = os.path.join(folder, _NAME)
    try:
        with open(path, encoding="ascii") as file:
            ids = file.read().split()
    except FileNotFoundError:
        return frozenset()
    except UnicodeDecodeError as error:
        raise _damaged(path) from error
    if not all(map(is_id, ids)):
        raise _damaged(path)
    return frozenset(ids)


def ends(folder: str) -> frozenset[str]:
    """The same for those who only read on: a damaged file hides no commit, and is told by others."""
    try:
        return read(folder)
    except CorruptPack:
        return frozenset()


def write(folder: str, disk: Disk, ids: frozenset[str]) -> None:
    """Let the histories of ``ids`` end there; durable when it returns, and before anything is removed."""
    text = "".join(f"{id_}\n" for id_ in sorted(ids))
    disk.write_whole(os.path.join(folder, _NAME), text.encode("ascii"))


def _damaged(path: str) -> CorruptPack:
    return CorruptPack(
        f"{path} is damaged: it should hold the ids of commits, a line each",
        hint="take it from a copy, or write the id of the oldest operation that 'mvc op log' shows into it",
    )
