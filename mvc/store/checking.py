"""The scrub: every stored byte against its checksum; with ``full``, every object against its
name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from mvc.errors import CorruptPack, IntegrityError, StorageError
from mvc.ids import ObjectId
from mvc.store import framing, index, pack, reading, workers
from mvc.store.catalog import Catalog, Location
from mvc.store.index import Index
from mvc.store.pack import RECORD_SIZE, Record
from mvc.store.packfile import PackFile, Run


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a pack (or an index file), and the object that it hits, where one is
    known."""

    pack: str
    object_id: ObjectId | None
    message: str


def check(catalog: Catalog, full: bool) -> Iterator[Problem]:
    """Every problem of the store: damaged indexes, packs, objects; indexes that contradict their
    packs.

    Without ``full`` stored bytes are compared with their checksums; with it, every object is
    decoded and hashed as well.
    """
    yield from _check_indexes(catalog)
    for name in sorted(catalog.packs()):
        path = os.path.join(catalog.packs_folder, name + pack.SUFFIX)
        try:
            file = PackFile(path)
        except FileNotFoundError:
            continue  # collected meanwhile
        except (IntegrityError, StorageError) as error:
            yield Problem(path, None, error.message)
            continue
        yield from _check_pack(catalog, name, file, full)


def _check_indexes(catalog: Catalog) -> Iterator[Problem]:
    names = sorted(os.listdir(catalog.index_folder))
    for path in (os.path.join(catalog.index_folder, name) for name in names):
        if not path.endswith(index.SUFFIX):
            continue
        try:
            found = Index.open(path)
        except FileNotFoundError:
            continue
        except (IntegrityError, StorageError) as error:
            yield Problem(path, None, error.message)
            continue
        for gone in sorted(set(found.packs) - catalog.packs()):
            yield Problem(path, None, f"the index {path} covers the pack {gone}, which is gone")


def _check_pack(catalog: Catalog, name: str, file: PackFile, full: bool) -> Iterator[Problem]:
    try:
        table = file.table()
        end = file.size - pack.FOOTER_SIZE - len(table)
    except CorruptPack as error:
        yield Problem(file.path, None, error.message)
        table = file.scan()
        end = None
    records = sorted(
        (pack.decode_record(table, at) for at in range(0, len(table), RECORD_SIZE)),
        key=lambda record: record.offset,
    )
    expected = pack.HEADER_SIZE
    for record in records:
        if record.offset != expected:
            yield _problem(file, record, f"begins at {record.offset}, not at {expected}")
        expected = record.offset + record.stored
    if end is not None and expected != end:
        yield Problem(file.path, None, f"{file.path} has its table at {end}, not at {expected}")
    for one in catalog.indexes():
        if name in one.packs:
            yield from _check_records(one, name, file, table)
    work = _decode if full else _scrub
    for message, record in workers.run(lambda record: (work(file, record), record), records):
        if message:
            yield Problem(file.path, ObjectId(record.digest.hex()), message)


def _check_records(one: Index, name: str, file: PackFile, table: bytes) -> Iterator[Problem]:
    numbers = [0 if covered == name else None for covered in one.packs]
    if b"".join(one.records(numbers)) != table:
        yield Problem(file.path, None, f"the index {one.name} contradicts the table of {file.path}")


def _scrub(file: PackFile, record: Record) -> str | None:
    try:
        header = file.object_header(record.offset)
        if header.digest != record.digest or header.length != record.length:
            return f"{file.path} has another object at offset {record.offset} than its table"
        end = record.offset + pack.OBJECT_SIZE
        for offset, frame in file.frames(record.offset, header):
            payload = memoryview(file.read(offset, frame.stored))
            framing.check_payload(frame, payload, file.path, offset)
            end = offset + frame.stored
        if end != record.offset + record.stored:
            return f"{file.path} has an object that ends at {end}, not where its table says"
    except (IntegrityError, StorageError) as error:
        return error.message
    return None


def _decode(file: PackFile, record: Record) -> str | None:
    message = _scrub(file, record)
    if message:
        return message
    location = Location("", record.offset, record.stored, record.length)
    run = Run(file, record.offset, record.offset + record.stored)
    object_id = ObjectId(record.digest.hex())
    try:
        for _ in reading.serial(run, location, object_id, reading.buffer_for(location)):
            pass
    except (IntegrityError, StorageError) as error:
        return error.message
    return None


def _problem(file: PackFile, record: Record, what: str) -> Problem:
    object_id = ObjectId(record.digest.hex())
    return Problem(file.path, object_id, f"{file.path}: object {object_id} {what}")
