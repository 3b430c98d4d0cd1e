"""P3: whatever happens to the files, a read gives the right bytes or an IntegrityError."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mvc.errors import IntegrityError, MissingObject
from mvc.ids import ObjectId, object_id
from mvc.store.source import BytesSource, Incoming
from mvc.store.store import Store

CONTENTS = [b"", b"a", b"compressible " * 30, os.urandom(200), bytes(9000)]


@pytest.fixture
def files(store: Store, root: str, small_window: int) -> tuple[Path, Path]:
    """The pack and the index of a small store."""
    with store.writer() as writer:
        writer.add([Incoming(BytesSource(data), "BF16") for data in CONTENTS])
        writer.publish()
    (pack,) = Path(root, "packs").iterdir()
    (index,) = Path(root, "index").iterdir()
    return pack, index


def harmless(store: Store, ways_out: int = 3) -> int:
    """Read everything in several ways; how many reads failed, none of them with wrong bytes."""
    failed = 0
    for data in CONTENTS:
        identity = object_id(data)
        ways: list[Callable[[], bytes]] = [
            lambda identity=identity: store.read(identity),  # type: ignore[misc]
            lambda identity=identity, data=data: store.read_range(identity, 0, len(data)),  # type: ignore[misc]
            lambda identity=identity, data=data: extracted(store, identity, len(data)),  # type: ignore[misc]
        ]
        for way in ways[:ways_out]:
            try:
                assert way() == data
            except IntegrityError:
                failed += 1
    return failed


def extracted(store: Store, identity: ObjectId, size: int) -> bytes:
    out = bytearray(size)

    def write_at(view: memoryview, position: int) -> None:
        out[position : position + len(view)] = view

    store.extract([(identity, 0)], write_at)
    return bytes(out)


def test_any_flipped_byte_of_a_pack_is_noticed_and_reported(
    files: tuple[Path, Path], reopen: Callable[[], Store]
) -> None:
    pack, _ = files
    good = pack.read_bytes()
    assert harmless(reopen()) == 0
    for position in range(len(good)):
        damaged = bytearray(good)
        damaged[position] ^= 0xFF
        pack.write_bytes(damaged)
        seen = reopen()
        harmless(seen, 3 if position % 8 == 0 else 1)
        assert list(seen.check(full=False)), f"the scrub misses byte {position}"


def test_any_flipped_byte_of_an_index_costs_nothing_and_is_reported(
    files: tuple[Path, Path], reopen: Callable[[], Store]
) -> None:
    _, index = files
    good = index.read_bytes()
    for position in range(0, len(good), 7):
        damaged = bytearray(good)
        damaged[position] ^= 0xFF
        index.write_bytes(damaged)
        seen = reopen()
        assert harmless(seen) == 0
        assert list(seen.check(full=False))


@pytest.mark.parametrize("with_index", [True, False])
def test_a_pack_cut_anywhere_never_gives_wrong_bytes(
    files: tuple[Path, Path], reopen: Callable[[], Store], with_index: bool
) -> None:
    pack, index = files
    if not with_index:
        index.unlink()
    good = pack.read_bytes()
    for length in range(0, len(good), 11):
        pack.write_bytes(good[:length])
        seen = reopen()
        harmless(seen)
        assert list(seen.check(full=False))


def test_a_pack_that_grew_is_read_and_reported(
    files: tuple[Path, Path], reopen: Callable[[], Store]
) -> None:
    pack, index = files
    pack.write_bytes(pack.read_bytes() + bytes(100))
    assert harmless(reopen()) == 0
    index.unlink()
    assert harmless(reopen()) == 0
    assert any("no footer" in problem.message for problem in reopen().check(full=False))


def test_without_index_and_footer_the_objects_are_found_by_walking(
    files: tuple[Path, Path], reopen: Callable[[], Store]
) -> None:
    pack, index = files
    index.unlink()
    data = pack.read_bytes()
    pack.write_bytes(data[:-10])
    assert harmless(reopen()) == 0
    assert sorted(reopen().object_ids()) == sorted(object_id(data) for data in CONTENTS)


@pytest.mark.parametrize("content", [b"", b"\0" * 500, b"not a pack at all" * 40])
def test_a_foreign_file_among_the_packs_hurts_no_other(
    files: tuple[Path, Path], reopen: Callable[[], Store], content: bytes
) -> None:
    pack, _ = files
    pack.with_name("0" * 64 + ".pack").write_bytes(content)
    pack.with_name("README").write_bytes(content)
    store = reopen()
    assert harmless(store) == 0
    (problem,) = store.check(full=True)
    assert "is not a pack" in problem.message
    with pytest.raises(MissingObject, match="is not a pack"):
        store.read(object_id(b"absent"))


def test_a_lost_pack_is_reported_and_its_objects_are_missing(
    files: tuple[Path, Path], reopen: Callable[[], Store]
) -> None:
    pack, _ = files
    pack.unlink()
    with pytest.raises(MissingObject):
        reopen().read(object_id(b"a"))
    (problem,) = reopen().check(full=False)
    assert "is gone" in problem.message


def test_a_pack_removed_while_the_store_is_open_is_looked_for_elsewhere(
    files: tuple[Path, Path], store: Store, reopen: Callable[[], Store], root: str
) -> None:
    pack, index = files
    early = reopen()
    assert object_id(b"a") in early
    kept = pack.read_bytes()
    pack.unlink()
    index.unlink()
    with reopen().writer() as writer:
        writer.add([Incoming(BytesSource(data), None) for data in CONTENTS])
        writer.publish()
    assert kept not in [path.read_bytes() for path in Path(root, "packs").iterdir()]
    assert harmless(early) == 0


def test_damage_names_pack_object_and_offset(
    files: tuple[Path, Path], reopen: Callable[[], Store]
) -> None:
    pack, _ = files
    data = bytearray(pack.read_bytes())
    position = data.index(CONTENTS[3][:64])
    data[position] ^= 1
    pack.write_bytes(data)
    with pytest.raises(IntegrityError, match=f"{pack}.*offset {position}"):
        reopen().read(object_id(CONTENTS[3]))
    (problem,) = reopen().check(full=False)
    assert problem.object_id == object_id(CONTENTS[3])
    assert problem.pack == str(pack)


def test_a_lying_checksum_is_caught_by_the_hash(
    files: tuple[Path, Path], reopen: Callable[[], Store]
) -> None:
    """Someone who recomputes XXH3 still can't forge BLAKE3."""
    from xxhash import xxh3_64_intdigest

    from mvc.store import pack as bytes_of

    path, _ = files
    data = bytearray(path.read_bytes())
    position = data.index(CONTENTS[3][:64])
    start = position - bytes_of.FRAME_SIZE
    frame = bytes_of.decode_frame(bytes(data[start:position]), 200, "p", start)
    data[position] ^= 1
    payload = bytes(data[position : position + frame.stored])
    frame = frame._replace(check=xxh3_64_intdigest(payload))
    data[start:position] = bytes_of.encode_frame(frame)
    path.write_bytes(data)
    assert harmless(reopen()) == 3
    assert list(reopen().check(full=False)) == []
    (problem,) = reopen().check(full=True)
    assert problem.object_id == object_id(CONTENTS[3])
