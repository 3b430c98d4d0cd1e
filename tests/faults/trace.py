"""The words of a trace: every primitive way in which mvc changes a disk, in the order it happened.

Paths are relative to the recorded root, with ``/``; the root itself is ``""``. A file that was opened is
known by a number of its own (``handle``), since its name may change while it is being written.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Create:
    """A new name for a new, empty file."""

    path: str
    mode: int
    handle: int


@dataclass(frozen=True, slots=True)
class Open:
    """An existing file, opened for appending."""

    path: str
    handle: int


@dataclass(frozen=True, slots=True)
class Write:
    handle: int
    path: str
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Truncate:
    handle: int
    path: str
    size: int


@dataclass(frozen=True, slots=True)
class SyncFile:
    handle: int
    path: str


@dataclass(frozen=True, slots=True)
class MakeFolder:
    path: str
    mode: int


@dataclass(frozen=True, slots=True)
class Replace:
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Remove:
    path: str


@dataclass(frozen=True, slots=True)
class RemoveFolder:
    path: str


@dataclass(frozen=True, slots=True)
class SetMode:
    path: str
    mode: int


@dataclass(frozen=True, slots=True)
class SyncFolder:
    path: str


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Not an effect: from here on the user had been told that ``label`` is done."""

    label: str
    payload: object


Change = Create | Open | Write | Truncate | MakeFolder | Replace | Remove | RemoveFolder | SetMode
Step = Change | SyncFile | SyncFolder | Acknowledge


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing of a folder tree: a file with its bytes, or a folder (``content`` None)."""

    mode: int
    content: bytes | None


Tree = dict[str, Entry]


def read_tree(root: str) -> Tree:
    """Everything below ``root``, which is not in it itself."""
    return dict(sorted(_walk(root, "")))


def _walk(folder: str, prefix: str) -> Iterator[tuple[str, Entry]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            mode = entry.stat(follow_symlinks=False).st_mode & 0o7777
            if entry.is_dir(follow_symlinks=False):
                yield prefix + entry.name, Entry(mode, None)
                yield from _walk(entry.path, f"{prefix}{entry.name}/")
            else:
                with open(entry.path, "rb") as file:
                    yield prefix + entry.name, Entry(mode, file.read())


def write_tree(tree: Tree, root: str) -> None:
    """Put ``tree`` into the empty folder ``root``; nothing is synced."""
    for path, entry in sorted(tree.items()):
        target = os.path.join(root, path)
        if entry.content is None:
            os.mkdir(target)
        else:
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                view = memoryview(entry.content)
                while view:
                    view = view[os.write(descriptor, view) :]
                os.fchmod(descriptor, entry.mode)
            finally:
                os.close(descriptor)
    for path, entry in tree.items():
        if entry.content is None:
            os.chmod(os.path.join(root, path), entry.mode)
