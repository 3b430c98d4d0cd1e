"""Packs and indexes put right: whole objects of a damaged pack move to a new one, indexes are made again.

Nothing is changed in place and nothing deleted. A damaged file is set aside only when what replaces it is
durable, so a crash at any point leaves a store that can be read as before and salvaged again.

An object is whole when each of its headers and payloads has the checksum that it declares, and its decoded
bytes have the hash that names it. Where the table is lost, objects are found by their headers, past damage.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from blake3 import blake3

from mvc.errors import CorruptPack, IntegrityError, StorageError
from mvc.ids import ObjectId
from mvc.limits import MIB
from mvc.store import index, pack
from mvc.store.checking import check_objects
from mvc.store.codecs import codec
from mvc.store.framing import check_payload
from mvc.store.index import Index
from mvc.store.outgoing import OutgoingPack, publish_index
from mvc.store.pack import RECORD_SIZE, Record
from mvc.store.packfile import PackFile
from mvc.values import dataclass

if TYPE_CHECKING:
    from mvc.store.catalog import Catalog
    from mvc.store.fs import Disk

_OBJECT_MAGIC = b"OBJ1"


class Aside(Protocol):
    """Where replaced files go."""

    def move(self, path: str) -> None:
        """Take the file away, durably."""
        ...

    def copy(self, path: str) -> None:
        """Keep a copy of the file, durably."""
        ...


@dataclass(frozen=True, slots=True)
class Salvaged:
    """A file of the store that was put right: what was wrong and was done, and the objects left behind."""

    path: str
    what: str
    dropped: tuple[ObjectId, ...] = ()


@dataclass(frozen=True, slots=True)
class _Wreck:
    """A pack with something wrong; ``whole`` are the records of the objects to keep."""

    file: PackFile
    reason: str
    whole: tuple[Record, ...]
    dropped: tuple[ObjectId, ...]


def salvage(
    root: str, disk: Disk, catalog: Catalog, aside: Aside, dry_run: bool
) -> Iterator[Salvaged]:
    """Everything that was wrong, as it is put right; with ``dry_run`` nothing is changed.

    Raises:
        StorageError: the disk refused; what was done stands, and the rest can be done later.
    """
    incoming = os.path.join(root, "incoming")
    # Objects are decoded only when every pack can be read: one may be the difference to one elsewhere.
    for full in (False, True):
        catalog.refresh()
        found = False
        for name in sorted(catalog.packs()):
            wreck = _examine(catalog, name, full)
            if wreck is not None:
                found = True
                if not dry_run:
                    _replace(wreck, incoming, disk, catalog, aside)
                yield Salvaged(wreck.file.path, _outcome(wreck), wreck.dropped)
        if found and dry_run:
            break
    catalog.refresh()
    for path, why in list(_bad_indexes(catalog)):
        if not dry_run:
            aside.move(path)
        yield Salvaged(path, f"{why}; made again from the packs")
    yield from _index_all(incoming, disk, catalog, dry_run)


def find_objects(file: PackFile) -> Iterator[Record]:
    """Every object with undamaged headers, wherever it lies in the pack; its bytes are not checked."""
    offset = 0
    while (start := _next_header(file, offset)) is not None:
        try:
            header = file.object_header(start)
            end = start + pack.OBJECT_SIZE
            for payload, frame in file.frames(start, header):
                end = payload + frame.stored
            if end > file.size:
                raise pack.corrupt(file.path, start, "has an object that is cut off")
        except CorruptPack:
            offset = start + 1
            continue
        yield Record(header.digest, 0, header.depth, header.kind, start, end - start, header.length)
        offset = end


def _next_header(file: PackFile, offset: int) -> int | None:
    overlap = len(_OBJECT_MAGIC) - 1
    while offset + len(_OBJECT_MAGIC) <= file.size:
        data = file.read(offset, min(MIB + overlap, file.size - offset))
        found = data.find(_OBJECT_MAGIC)
        if found >= 0:
            return offset + found
        offset += len(data) - overlap
    return None


def _examine(catalog: Catalog, name: str, full: bool) -> _Wreck | None:
    """What is wrong with a pack; None when nothing is, or when it can't be told."""
    path = os.path.join(catalog.packs_folder, name + pack.SUFFIX)
    try:
        file = PackFile(path, wreck=True)
    except FileNotFoundError:
        return None
    reason, records = _records(file)
    bad = set(_undecodable(catalog, name, file, records) if full else _damaged(file, records))
    whole = tuple(record for record in records if record.digest.hex() not in bad)
    kept = {record.digest for record in whole}
    dropped = tuple(
        ObjectId(digest.hex()) for digest in sorted(_promised(catalog, name, file) - kept)
    )
    if not reason and not bad:
        return None
    if any(_is_foreign(file, record) for record in records if record.digest.hex() in bad):
        return None  # a newer mvc knows how to read it
    return _Wreck(file, reason or "has damaged objects", whole, dropped)


def _records(file: PackFile) -> tuple[str, list[Record]]:
    """What is wrong with the pack as such ("" for nothing), and its objects by their place."""
    try:
        pack.check_header(file.read(0, min(pack.HEADER_SIZE, file.size)), file.path)
        table = file.table()
    except CorruptPack as error:
        reason = error.message.removeprefix(f"{file.path} ")
        return reason, list(find_objects(file))
    records = sorted(
        (pack.decode_record(table, at) for at in range(0, len(table), RECORD_SIZE)),
        key=lambda record: record.offset,
    )
    return "", records


def _promised(catalog: Catalog, name: str, file: PackFile) -> set[bytes]:
    """The ids that the pack's table has, or, where that is lost, an index."""
    try:
        table = file.table()
        return {table[at : at + 32] for at in range(0, len(table), RECORD_SIZE)}
    except CorruptPack:
        found: set[bytes] = set()
        for one in catalog.indexes():
            if name in one.packs:
                numbers = [0 if covered == name else None for covered in one.packs]
                found.update(record[:32] for record in one.records(numbers))
        return found


def _damaged(file: PackFile, records: list[Record]) -> Iterator[str]:
    """The objects with a header or payload that is not what was written; no base is looked at."""
    for record in records:
        try:
            header = file.object_header(record.offset)
            if header.digest != record.digest:
                raise pack.corrupt(file.path, record.offset, "has another object")
            for offset, frame in file.frames(record.offset, header):
                payload = memoryview(file.read(offset, frame.stored))
                check_payload(frame, payload, file.path, offset)
        except (IntegrityError, StorageError):
            yield record.digest.hex()


def _undecodable(
    catalog: Catalog, name: str, file: PackFile, records: list[Record]
) -> Iterator[str]:
    """The objects whose bytes, decoded, are not what their ids name."""
    for problem in check_objects(catalog, name, file, records, full=True):
        if problem.object_id is not None:
            yield problem.object_id


def _is_foreign(file: PackFile, record: Record) -> bool:
    """Whether an object that can't be decoded is whole, but of a codec that this mvc does not know."""
    try:
        header = file.object_header(record.offset)
        frames = [frame for _, frame in file.frames(record.offset, header)]
    except CorruptPack:
        return False
    for frame in frames:
        try:
            codec(frame.codec)
        except CorruptPack:
            return True
    return False


def _replace(wreck: _Wreck, incoming: str, disk: Disk, catalog: Catalog, aside: Aside) -> None:
    """Write the whole objects to a new pack with its index, then set the damaged one aside."""
    path = wreck.file.path
    new = None
    if wreck.whole:
        outgoing = OutgoingPack(incoming, disk)
        try:
            table = _copy(wreck, outgoing)
            name = blake3(table).hexdigest()
            new = os.path.join(catalog.packs_folder, name + pack.SUFFIX)
            if new == path:
                aside.copy(path)  # the new pack takes its place
            outgoing.publish(table, catalog.packs_folder)
        finally:
            outgoing.abandon()
        catalog.forget(name)  # the open file of that name may be the damaged one
        publish_index(Index.of_table(name, table), catalog, incoming, disk)
    if new != path:
        aside.move(path)
    catalog.refresh()


def _copy(wreck: _Wreck, outgoing: OutgoingPack) -> bytes:
    """Append the whole objects as they are stored; the new pack's table."""
    records = []
    for record in wreck.whole:
        records.append(pack.encode_record(record._replace(offset=outgoing.size)))
        for at in range(record.offset, record.offset + record.stored, MIB):
            outgoing.append(wreck.file.read(at, min(MIB, record.offset + record.stored - at)))
    return b"".join(sorted(records))


def _outcome(wreck: _Wreck) -> str:
    lost = f", {len(wreck.dropped)} could not be" if wreck.dropped else ""
    return f"{wreck.reason}; {len(wreck.whole)} whole object(s) of it were kept{lost}"


def _bad_indexes(catalog: Catalog) -> Iterator[tuple[str, str]]:
    for name in sorted(os.listdir(catalog.index_folder)):
        path = os.path.join(catalog.index_folder, name)
        if not name.endswith(index.SUFFIX):
            continue
        try:
            found = Index.open(path)
        except FileNotFoundError:
            continue
        except IntegrityError as error:
            yield path, error.message.removeprefix(f"the index {path} ")
            continue
        if not catalog.packs().issuperset(found.packs):
            yield path, "covers a pack that is gone"
        elif any(_contradicts(catalog, found, one) for one in found.packs):
            yield path, "contradicts the table of a pack"


def _contradicts(catalog: Catalog, found: Index, name: str) -> bool:
    numbers = [0 if covered == name else None for covered in found.packs]
    try:
        return b"".join(found.records(numbers)) != catalog.pack(name).table()
    except IntegrityError:
        return True


def _index_all(incoming: str, disk: Disk, catalog: Catalog, dry_run: bool) -> Iterator[Salvaged]:
    catalog.refresh()
    covered = {name for one in catalog.indexes() if one.name for name in one.packs}
    for name in sorted(catalog.packs() - covered):
        try:
            table = catalog.pack(name).table()
        except IntegrityError:
            continue  # of a newer version, or, in a dry run, among those to replace
        if not dry_run:
            publish_index(Index.of_table(name, table), catalog, incoming, disk)
        path = os.path.join(catalog.packs_folder, name + pack.SUFFIX)
        yield Salvaged(path, "is in no index; put into one")
