"""Git packs: what lies in them, and one new pack of many objects, proved before anything relies on it.

Packs are listed by their own indexes; libgit2 chooses the deltas and writes a new pack to a folder of its own,
from where it is published as everything else: synced, renamed, the folder synced, and the index last, since
Git takes a pack for there when its index is. Source: Git's ``Documentation/gitformat-pack.txt``.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
from collections.abc import Iterable

import pygit2

from mvc.errors import CorruptPack, HashMismatch, StorageError
from mvc.store.fs import Disk
from mvc.values import dataclass

_NAME = re.compile(r"pack-[0-9a-f]{40}")
_INDEX = struct.Struct(">4sI256I")
_MAGIC = b"\xfftOc"
_ID, _TRAILER = 20, 40
#: Files that say that a pack is not to be touched, whatever is in it.
_GUARDS = (".keep", ".promisor")
#: What a pack has beside itself.
_INDEXES = (".idx", ".rev", ".bitmap", ".mtimes")
#: What Git derives from all packs, and would trust over them.
_DERIVED = ("multi-pack-index", "multi-pack-index.rev", "multi-pack-index.bitmap")


@dataclass(frozen=True, slots=True)
class GitPack:
    """A pack in ``objects/pack``: bytes of its files, the time of its file, and the ids in it, sorted."""

    name: str
    size: int
    time: float
    guarded: bool
    ids: tuple[bytes, ...]


def survey(objects: str) -> list[GitPack]:
    """Every pack of the object folder, from the oldest to the youngest.

    Raises:
        CorruptPack: an index is damaged, or has no pack.
    """
    folder = os.path.join(objects, "pack")
    names = set(os.listdir(folder))
    found = []
    for name in names:
        stem, dot, _ = name.rpartition(".idx")
        if dot and _NAME.fullmatch(stem):
            if stem + ".pack" not in names:
                raise CorruptPack(
                    f"{os.path.join(folder, name)} has no pack beside it",
                    hint="mvc fsck names what is missing",
                )
            parts = [stem + ending for ending in (*_INDEXES, ".pack") if stem + ending in names]
            found.append(
                GitPack(
                    stem,
                    sum(os.path.getsize(os.path.join(folder, part)) for part in parts),
                    os.path.getmtime(os.path.join(folder, stem + ".pack")),
                    any(stem + ending in names for ending in _GUARDS),
                    _ids(os.path.join(folder, name)),
                )
            )
    return sorted(found, key=lambda pack: (pack.time, pack.name))


def publish(folder: str, ids: Iterable[bytes], disk: Disk) -> tuple[str, int]:
    """Put the objects ``ids``, which the repository ``folder`` has, into one new pack; its name and bytes.

    Every object was read back from the pack, and hashed, before it was published.

    Raises:
        StorageError: the pack could not be written.
        HashMismatch: it does not hold what it should; nothing was published.
    """
    wanted = list(ids)
    room = os.path.join(folder, "tmp", "packing")
    inner = os.path.join(room, "pack")
    disk.make_folder(inner)
    clear(room, disk)
    disk.make_folder(inner)
    try:
        builder = pygit2.PackBuilder(pygit2.Repository(folder))
        for id_ in wanted:
            builder.add(pygit2.Oid(raw=id_))
        disk.write_by(inner, builder.write)
    except pygit2.GitError as error:
        raise StorageError(f"can't write a Git pack in {inner}: {error}") from error
    # A lock file that libgit2 could not remove may lie beside the two.
    (name,) = (file.removesuffix(".pack") for file in os.listdir(inner) if file.endswith(".pack"))
    _prove(room, wanted)
    size = sum(os.path.getsize(os.path.join(inner, name + end)) for end in (".pack", ".idx"))
    target = os.path.join(folder, "objects", "pack")
    for ending in (".pack", ".idx"):
        disk.replace(os.path.join(inner, name + ending), os.path.join(target, name + ending))
        disk.sync_folder(target)
    clear(room, disk)
    return name, size


def remove(objects: str, names: Iterable[str], disk: Disk) -> None:
    """Remove packs, durably their indexes first, so that none is ever without its pack."""
    folder = os.path.join(objects, "pack")
    doomed = sorted(names)
    _remove(folder, [name + ending for name in doomed for ending in _INDEXES], disk)
    if doomed:
        disk.sync_folder(folder)
    _remove(folder, [name + ".pack" for name in doomed], disk)


def forget_derived(objects: str, disk: Disk) -> None:
    """Remove what Git derives from all objects, before any of them goes: it would trust that over them."""
    _remove(os.path.join(objects, "pack"), _DERIVED, disk)
    info = os.path.join(objects, "info")
    _remove(info, ["commit-graph"], disk)
    graphs = os.path.join(info, "commit-graphs")
    if os.path.isdir(graphs):
        _remove(graphs, sorted(os.listdir(graphs)), disk)


def clear(room: str, disk: Disk) -> None:
    """Remove what a packing left behind in its folder, and the folder."""
    for inner in (os.path.join(room, "pack"), room):
        if os.path.isdir(inner):
            for name in sorted(os.listdir(inner)):
                if not os.path.isdir(os.path.join(inner, name)):
                    disk.remove(os.path.join(inner, name))
            disk.remove_folder(inner)


def _remove(folder: str, names: Iterable[str], disk: Disk) -> None:
    for name in names:
        path = os.path.join(folder, name)
        if os.path.exists(path):
            disk.remove(path)


def _prove(room: str, wanted: Iterable[bytes]) -> None:
    """Read every object from the pack in ``room`` alone, and compare it with its name."""
    odb = pygit2.Odb()
    odb.add_backend(pygit2.OdbBackendPack(room), 1)
    for id_ in wanted:
        try:
            kind, data = odb.read(pygit2.Oid(raw=id_))
        except KeyError as error:
            raise HashMismatch(f"a new Git pack lacks {id_.hex()}") from error
        except pygit2.GitError as error:
            raise StorageError(f"can't read back a new Git pack in {room}: {error}") from error
        whole = b"%s %d\0%s" % (_KINDS[kind], len(data), data)
        if hashlib.sha1(whole, usedforsecurity=False).digest() != id_:
            raise HashMismatch(f"a new Git pack has other bytes for {id_.hex()}")


_KINDS = {
    pygit2.enums.ObjectType.COMMIT: b"commit",
    pygit2.enums.ObjectType.TREE: b"tree",
    pygit2.enums.ObjectType.BLOB: b"blob",
    pygit2.enums.ObjectType.TAG: b"tag",
}


def _ids(path: str) -> tuple[bytes, ...]:
    with open(path, "rb") as file:
        data = file.read()
    if len(data) < _INDEX.size + _TRAILER:
        raise _damaged(path, "is cut short")
    magic, version, *fanout = _INDEX.unpack_from(data)
    if magic != _MAGIC or version != 2:
        raise _damaged(path, "is no index of version 2")
    if hashlib.sha1(data[:-_ID], usedforsecurity=False).digest() != data[-_ID:]:
        raise _damaged(path, "has damage")
    start, count = _INDEX.size, fanout[-1]
    if len(data) < start + count * _ID + _TRAILER:
        raise _damaged(path, "has fewer ids than it declares")
    return tuple(data[at : at + _ID] for at in range(start, start + count * _ID, _ID))


def _damaged(path: str, what: str) -> CorruptPack:
    return CorruptPack(f"the Git index {path} {what}", hint="mvc fsck names what is whole")
