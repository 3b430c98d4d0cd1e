"""Index files: every record is found, merging loses and doubles nothing, damage is seen."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mvc.errors import CorruptPack
from mvc.store import index, pack
from mvc.store.index import Index
from mvc.store.pack import WHOLE, Record


def name(number: int) -> str:
    return hashlib.sha256(b"pack%d" % number).hexdigest()


def record(seed: int) -> Record:
    return Record(hashlib.sha256(b"%d" % seed).digest(), 0, 0, WHOLE, 16 + seed, 200, seed)


def of(number: int, seeds: range | set[int]) -> Index:
    table = b"".join(sorted(pack.encode_record(record(seed)) for seed in seeds))
    return Index.of_table(name(number), table)


def on_disk(folder: Path, *indexes: Index) -> Index:
    data = index.merged(indexes)
    path = folder / index.file_name(data)
    path.write_bytes(data)
    return Index.open(str(path))


def test_every_record_is_found_and_nothing_else(tmp_path: Path) -> None:
    found = on_disk(tmp_path, of(1, range(700)), of(2, range(700, 1000)))
    for seed in range(1000):
        ((where, got),) = found.find(record(seed).digest)
        assert where == name(1 if seed < 700 else 2)
        assert got._replace(pack=0) == record(seed)
    for absent in (bytes(32), b"\xff" * 32, record(1001).digest):
        assert list(found.find(absent)) == []


def test_an_object_in_two_packs_is_found_in_both(tmp_path: Path) -> None:
    found = on_disk(tmp_path, of(1, range(5)), of(2, range(5)))
    assert {where for where, _ in found.find(record(3).digest)} == {name(1), name(2)}


def test_a_pack_that_two_indexes_cover_is_taken_once(tmp_path: Path) -> None:
    both = on_disk(tmp_path, of(1, range(5)), of(2, range(5, 9)))
    again = on_disk(tmp_path, both, of(2, range(5, 9)))
    assert len(again) == 9
    assert set(again.packs) == {name(1), name(2)}


@given(sets=st.lists(st.sets(st.integers(0, 300), max_size=40), min_size=1, max_size=6))
def test_merging_in_any_grouping_finds_the_same(sets: list[set[int]]) -> None:
    parts = [of(number, seeds) for number, seeds in enumerate(sets)]
    everything = {(n, seed) for n, seeds in enumerate(sets) for seed in seeds}
    data = index.merged(parts)
    reread = Index.of_table(name(99), data[-32 - len(everything) * pack.RECORD_SIZE : -32])
    assert len(reread) == len(everything)
    assert list(reread.digests()) == sorted(record(seed).digest for _, seed in everything)


@pytest.mark.parametrize("count", [0, 3])
def test_any_damaged_byte_or_cut_is_refused(tmp_path: Path, count: int) -> None:
    data = index.merged([of(1, range(count))])
    path = tmp_path / "x.idx"
    for position in {*range(24), *range(24, len(data), 13), *range(len(data) - 32, len(data))}:
        damaged = bytearray(data)
        damaged[position] ^= 0x40
        path.write_bytes(damaged)
        with pytest.raises(CorruptPack):
            Index.open(str(path))
    for cut in (0, 1, 24, len(data) - 1):
        path.write_bytes(data[:cut])
        with pytest.raises(CorruptPack):
            Index.open(str(path))
    path.write_bytes(data + b"\0")
    with pytest.raises(CorruptPack):
        Index.open(str(path))


def test_a_record_that_points_past_the_packs_is_refused() -> None:
    table = pack.encode_record(record(1)._replace(pack=3))
    lying = Index.of_table(name(1), table)
    with pytest.raises(CorruptPack, match="pack number 3"):
        list(lying.find(record(1).digest))
    with pytest.raises(CorruptPack, match="pack number 3"):
        list(lying.records([0]))


def test_a_thousand_commits_of_one_size_leave_few_indexes() -> None:
    sizes: list[int] = []

    class Sized(Index):
        def __init__(self, size: int) -> None:
            self.size = size

        def __len__(self) -> int:
            return self.size

    for _ in range(1000):
        taken = index.absorbed([Sized(size) for size in sizes], 300)
        for one in taken:
            sizes.remove(len(one))
        sizes.append(300 + sum(len(one) for one in taken))
    assert sum(sizes) == 300_000
    assert len(sizes) <= 12


def test_an_index_never_grows_past_what_merging_may_hold_in_memory() -> None:
    class Full(Index):
        def __init__(self) -> None:
            pass

        def __len__(self) -> int:
            return index.SEALED

    assert index.absorbed([Full()], 200_000) == []
