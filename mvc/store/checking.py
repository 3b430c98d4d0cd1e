"""The scrub: every stored byte against its checksum; with ``full``, every object against its
name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping

from blake3 import blake3

from mvc.errors import CorruptPack, IntegrityError, StorageError
from mvc.ids import ObjectId
from mvc.store import framing, index, pack, reading, workers
from mvc.store.bases import Bases
from mvc.store.catalog import Catalog, Location
from mvc.store.index import Index
from mvc.store.pack import RECORD_SIZE, Record
from mvc.store.packfile import PackFile
from mvc.values import dataclass

_lane = reading.Lane()


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a pack (or an index file), and the object that it hits, where one is
    known."""

    pack: str
    object_id: ObjectId | None
    message: str


def check(
    catalog: Catalog, full: bool, progress: Callable[[str, int, int], None] | None = None
) -> Iterator[Problem]:
    """Every problem of the store: damaged indexes, packs, objects; indexes that contradict their
    packs.

    Without ``full`` stored bytes are compared with their checksums; with it, every object is
    decoded and hashed as well.
    """
    yield from _check_indexes(catalog)
    paths = {
        name: os.path.join(catalog.packs_folder, name + pack.SUFFIX)
        for name in sorted(catalog.packs())
    }
    done, total = 0, sum(os.path.getsize(path) for path in paths.values() if os.path.isfile(path))

    def advance(stored: int) -> None:
        nonlocal done
        done += stored
        if progress is not None:
            progress("checking", done, total)

    indexed = _indexed(catalog)
    for name, path in paths.items():
        try:
            file = PackFile(path)
        except FileNotFoundError:
            continue  # collected meanwhile
        except (IntegrityError, StorageError) as error:
            yield Problem(path, None, error.message)
            continue
        yield from _check_pack(catalog, indexed.get(name, {}), name, file, full, advance)


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


def _indexed(catalog: Catalog) -> dict[str, dict[str, bytes]]:
    """For each pack, what each index has of it: the BLAKE3 of its records, as its own table has them.

    One pass over every index, however many packs it covers.
    """
    found: dict[str, dict[str, bytes]] = {}
    for one in catalog.indexes():
        hashers = [blake3() for _ in one.packs]
        for record in one.records(range(len(one.packs))):
            number = int.from_bytes(record[32:36], "little")
            hashers[number].update(record[:32] + bytes(4) + record[36:])
        for name, hasher in zip(one.packs, hashers, strict=True):
            found.setdefault(name, {})[one.name] = hasher.digest()
    return found


def _check_pack(
    catalog: Catalog,
    indexed: Mapping[str, bytes],
    name: str,
    file: PackFile,
    full: bool,
    advance: Callable[[int], None],
) -> Iterator[Problem]:
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
    digest = blake3(table).digest()
    for index_name, theirs in indexed.items():
        if theirs != digest:
            words = f"the index {index_name} contradicts the table of {file.path}"
            yield Problem(file.path, None, words)
    yield from check_objects(catalog, name, file, records, full, advance)


def check_objects(
    catalog: Catalog,
    name: str,
    file: PackFile,
    records: Iterable[Record],
    full: bool,
    advance: Callable[[int], None] = lambda stored: None,
) -> Iterator[Problem]:
    """Problems of the objects that lie where ``records`` say in ``file``, the pack ``name``.

    ``advance`` hears of the stored bytes that have been gone through.
    """
    places = {
        Location(name, record.offset, record.stored, record.length): record for record in records
    }

    bases = Bases(catalog)

    def work(group: list[Location]) -> list[Problem]:
        return list(_check_objects(bases, file, [(places[one], one) for one in group], full))

    groups = list(reading.neighbours(places))
    for group, problems in zip(groups, workers.run(work, groups), strict=True):
        advance(sum(place.stored for place in group))
        yield from problems


def _check_objects(
    bases: Bases, file: PackFile, group: list[tuple[Record, Location]], full: bool
) -> Iterator[Problem]:
    places = [place for _, place in group]
    run, scratch = _lane.enter(file, places)
    for record, place in group:
        object_id = ObjectId(record.digest.hex())
        try:
            if full:
                for _ in reading.serial(run, place, object_id, scratch, bases):
                    pass
            else:
                bases.below(file.object_header(place.offset), file.path)
                for offset, frame, payload in reading.walk(run, place, object_id):
                    framing.check_payload(frame, payload, file.path, offset)
        except (IntegrityError, StorageError) as error:
            yield Problem(file.path, object_id, error.message)


def _problem(file: PackFile, record: Record, what: str) -> Problem:
    object_id = ObjectId(record.digest.hex())
    return Problem(file.path, object_id, f"{file.path}: object {object_id} {what}")
