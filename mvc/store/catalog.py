"""Which packs and indexes there are, and where in them an object lies.

The folders are the truth and change under us: other processes add packs, merge indexes and remove
the ones they absorbed. A view is read as a whole and swapped in at once.

Ten thousand commits leave ten thousand packs and a dozen indexes, so a view begins with the indexes
alone; a pack that one names is believed in when its file is there. Only who misses an object, or wants
to see everything, has the packs listed: after the indexes, so that every pack seen is either covered by
an index seen, or is read through its own table. A crash between the renames of a pack and its index
hides nothing.
"""

from __future__ import annotations

import os
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import NamedTuple

from mvc.errors import CorruptPack, IntegrityError, MissingObject, StorageError
from mvc.ids import ObjectId
from mvc.store import index, pack
from mvc.store.fs import explained
from mvc.store.index import Index
from mvc.store.packfile import PackFile

_NAME = re.compile(r"[0-9a-f]{64}")

#: A listing is taken again when a file in it is gone by the time that it is opened.
_TRIES = 20
#: Packs kept open; systems allow a process 256 files or more.
_OPEN_PACKS = 32


#: Gives the error for an object that is in no pack, where somebody knows more of it than the store.
WhyMissing = Callable[[ObjectId], MissingObject | None]


class Location(NamedTuple):
    """Where an object lies. ``stored`` counts all its headers, ``length`` its raw bytes."""

    pack: str
    offset: int
    stored: int
    length: int


class _View(NamedTuple):
    """``packs`` is None until they are listed; ``met`` says of single ones whether they are there."""

    indexes: tuple[Index, ...]
    damaged: tuple[IntegrityError, ...]
    packs: frozenset[str] | None
    met: dict[str, bool]


class Catalog:
    """Finds objects in all packs of a store. Safe between threads."""

    def __init__(self, root: str, why: WhyMissing | None = None) -> None:
        self._why = why
        self.packs_folder = os.path.join(root, "packs")
        self.index_folder = os.path.join(root, "index")
        self._lock = threading.Lock()
        self._open: OrderedDict[str, PackFile] = OrderedDict()
        self._seen: _View | None = None

    def find(self, digest: bytes, *, refresh: bool = True) -> Location | None:
        """Where the object is, or None; on a miss, packs that no index covers, or that others added
        meanwhile, are looked at.

        Without ``refresh`` only the indexes count: who asks so will store it once more.
        """
        location = self._look(digest)
        if location is None and refresh and self._pack_names() != self._view().packs:
            self._seen = self._settled(whole=True)
            location = self._look(digest)
        return location

    def reach(self, object_id: ObjectId) -> tuple[PackFile, Location]:
        """The open pack that holds the object, and where.

        Raises:
            MissingObject: no pack holds it; names the packs that can't be read.
        """
        for _ in range(_TRIES):
            location = self.place(object_id)
            try:
                return self.pack(location.pack), location
            except FileNotFoundError:  # collected since the last look
                self.refresh()
        raise StorageError(
            f"the files in {self.packs_folder} keep changing", hint="run the same command again"
        )

    def place(self, object_id: ObjectId) -> Location:
        """Where the object is.

        Raises:
            MissingObject: no pack holds it; names the packs that can't be read.
        """
        location = self.find(bytes.fromhex(object_id))
        if location is not None:
            return location
        if self._why is not None and (known := self._why(object_id)) is not None:
            raise known
        unreadable = "; ".join(error.message for error in self.damaged())
        raise MissingObject(
            f"object {object_id} is in no pack"
            + (f"; unreadable: {unreadable}" if unreadable else ""),
            hint="run: mvc fsck --full",
        )

    def pack(self, name: str) -> PackFile:
        """The pack, open.

        Raises:
            FileNotFoundError: it is gone.
            CorruptPack: it is no pack.
        """
        with self._lock:
            found = self._open.get(name)
            if found is None:
                path = os.path.join(self.packs_folder, name + pack.SUFFIX)
                found = self._open[name] = PackFile(path)
                if len(self._open) > _OPEN_PACKS:
                    self._open.popitem(last=False)
            else:
                self._open.move_to_end(name)
            return found

    def refresh(self) -> None:
        """Look at the folders again."""
        self._seen = self._settled(whole=False)

    def forget(self, name: str) -> None:
        """Open the pack anew at its next use: another file has taken its place."""
        with self._lock:
            self._open.pop(name, None)

    def packs(self) -> frozenset[str]:
        """Names (64 hex digits) of all packs, at the last look."""
        packs = self._whole().packs
        assert packs is not None
        return packs

    def indexes(self) -> tuple[Index, ...]:
        """All indexes, at the last look; those with an empty name live in memory only."""
        return self._whole().indexes

    def index_files(self) -> tuple[Index, ...]:
        """The indexes that are files, at the last look; no pack is looked at for them."""
        return tuple(one for one in self._view().indexes if one.name)

    def damaged(self) -> tuple[IntegrityError, ...]:
        """What could not be read at the last look; the store works around it where it can."""
        return self._whole().damaged

    def shallowest(self, object_id: ObjectId) -> tuple[PackFile, Location]:
        """The copy of the object under which the fewest bases lie: ``reach`` takes the first it finds, and
        two writers at once may have stored one object over different bases.

        Raises:
            MissingObject: no pack holds it.
        """
        view = self._view()
        copies = [
            (record.depth, Location(name, record.offset, record.stored, record.length))
            for one in view.indexes
            for name, record in one.find(bytes.fromhex(object_id))
            if self._has(view, name)
        ]
        for _, location in sorted(copies):
            try:
                return self.pack(location.pack), location
            except FileNotFoundError:
                continue
        return self.reach(object_id)

    def _look(self, digest: bytes) -> Location | None:
        view = self._view()
        for one in view.indexes:
            for name, record in one.find(digest):
                if self._has(view, name):
                    return Location(name, record.offset, record.stored, record.length)
        return None

    def _has(self, view: _View, name: str) -> bool:
        """Whether the pack is there; an index may outlive it."""
        if view.packs is not None:
            return name in view.packs
        if name not in view.met:
            path = os.path.join(self.packs_folder, name + pack.SUFFIX)
            view.met[name] = os.path.exists(path)
        return view.met[name]

    def _view(self) -> _View:
        if self._seen is None:
            self.refresh()
        assert self._seen is not None
        return self._seen

    def _whole(self) -> _View:
        view = self._view()
        if view.packs is None:
            view = self._seen = self._settled(whole=True)
        return view

    def _settled(self, *, whole: bool) -> _View:
        for _ in range(_TRIES):
            try:
                return self._read(whole)
            except FileNotFoundError:
                continue
        raise StorageError(
            f"the files in {self.index_folder} keep changing", hint="run the same command again"
        )

    def _read(self, whole: bool) -> _View:
        old = {one.name or one.packs[0]: one for one in self._seen.indexes} if self._seen else {}
        damaged: list[IntegrityError] = []
        indexes: list[Index] = []

        def take(name: str, load: Callable[[], Index]) -> None:
            try:
                indexes.append(old.get(name) or load())
            except CorruptPack as error:
                damaged.append(error)

        for name in _listing(self.index_folder, index.SUFFIX):
            file_name = name + index.SUFFIX
            path = os.path.join(self.index_folder, file_name)
            take(file_name, lambda path=path: Index.open(path))  # type: ignore[misc]
        packs = None
        if whole:
            packs = self._pack_names()
            covered = {name for one in indexes for name in one.packs}
            for name in sorted(packs - covered):
                take(name, lambda name=name: Index.of_table(name, self._table(name, damaged)))  # type: ignore[misc]
        largest_first = tuple(sorted(indexes, key=len, reverse=True))
        return _View(largest_first, tuple(damaged), packs, {})

    def _table(self, name: str, damaged: list[IntegrityError]) -> bytes:
        file = self.pack(name)
        try:
            return file.table()
        except CorruptPack as error:
            damaged.append(error)
            return file.scan()

    def _pack_names(self) -> frozenset[str]:
        return frozenset(_listing(self.packs_folder, pack.SUFFIX))


def _listing(folder: str, suffix: str) -> Iterator[str]:
    try:
        with explained("list", folder):
            names = os.listdir(folder)
    except StorageError as error:
        if os.path.isdir(folder):
            raise
        raise CorruptPack(f"the folder {folder} is missing", hint="mvc fsck; mvc repair") from error
    for name in sorted(names):
        stem = name.removesuffix(suffix)
        if stem != name and _NAME.fullmatch(stem):
            yield stem
