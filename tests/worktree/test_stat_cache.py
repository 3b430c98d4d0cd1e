"""The stat cache may be lost, damaged or stale: it never hides a change."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worktree.work import Work, model, settle

from mvc.errors import ReadOnly
from mvc.worktree import compare, index, index_text
from mvc.worktree.index import Index, Known
from mvc.worktree.status import status

SECOND = 1_000_000_000
TICK = SECOND // 50


def at(mtime: int, ctime: int | None = None) -> os.stat_result:
    found = SimpleNamespace(st_mtime_ns=mtime, st_ctime_ns=mtime if ctime is None else ctime)
    return cast(os.stat_result, found)


IDS = st.text("0123456789abcdef", min_size=40, max_size=40)
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["100644", "100755"]),
        IDS,
        st.integers(0, 2**63).map(str),
        st.tuples(*[st.integers(0, 2**64)] * 6).map(lambda parts: " ".join(map(str, parts))),
        st.text(
            st.characters(
                min_codepoint=32, blacklist_categories=["Cs"], blacklist_characters="\x7f"
            ),
            min_size=1,
        ),
    ),
    max_size=4,
)


@given(st.tuples(IDS, IDS, st.just("-")), ROWS)
def test_the_text_comes_back(
    header: tuple[str, str, str], rows: list[tuple[str, str, str, str, str]]
) -> None:
    decoded = index_text.decode(index_text.encode(header, rows))
    assert decoded is not None
    assert decoded[0] == header
    assert [(m, b, str(s), f, p) for m, b, s, f, p in decoded[1]] == rows


@given(st.data())
def test_one_flipped_bit_makes_it_no_cache_at_all(data: st.DataObject) -> None:
    whole = index_text.encode(("a", "b", "c"), [("100644", "d" * 40, "5", "1 2 3 4 5 6", "m.pt")])
    place = data.draw(st.integers(0, len(whole) * 8 - 1))
    damaged = bytearray(whole)
    damaged[place // 8] ^= 1 << place % 8
    assert index_text.decode(bytes(damaged)) is None


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_ignored(data: bytes) -> None:
    assert index_text.decode(data) is None


def test_only_times_older_than_both_clocks_are_trusted() -> None:
    seen = 5 * SECOND + 1
    late = seen + SECOND
    old = seen - TICK - 1
    assert index_text.settled(at(old), seen, late)
    assert not index_text.settled(at(old + 1), seen, late)  # the same tick, by this clock
    assert not index_text.settled(at(old), seen, old)  # the same moment, by the disk's clock
    assert not index_text.settled(at(old, ctime=seen), seen, late)  # mtime was set back
    assert not index_text.settled(at(2 * late), seen, late)  # from the future


def test_whole_seconds_need_two_of_them() -> None:
    late = 100 * SECOND
    assert not index_text.settled(at(10 * SECOND), 11 * SECOND, late)
    assert not index_text.settled(at(10 * SECOND), 12 * SECOND, late)
    assert index_text.settled(at(10 * SECOND), 12 * SECOND + 1, late)


def tracked(work: Work) -> Path:
    place = work.write("m.safetensors", model(1))
    work.add("m.safetensors")
    work.commit()
    return place


def changed(work: Work) -> list[str]:
    return [delta.path for delta in status(work.fresh()).unstaged]


def pretend(work: Work, **fields: int | str) -> None:
    """Let the cache say that the file, as it is now, is what was added."""
    cache = index.load(work.context)
    found = index_text.fingerprint(os.lstat(work.root / "m.safetensors"))
    known = replace(cache.entries["m.safetensors"], fingerprint=found, **fields)  # type: ignore[arg-type]
    index.save(work.context, replace(cache, entries={"m.safetensors": known}))


def test_a_second_change_in_the_same_tick_is_seen(work: Work) -> None:
    place = tracked(work)
    place.write_bytes(model(2))  # as long as the first
    # The worst case: the times, size and place of the file are just those that the cache knows.
    pretend(work, seen=os.lstat(place).st_mtime_ns)
    assert changed(work) == ["m.safetensors"]


def test_a_settled_entry_is_believed_without_reading(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracked(work)
    settle(work)
    monkeypatch.setattr(compare, "open_file", lambda *_: pytest.fail("the file was read"))
    assert changed(work) == []


def test_a_file_that_was_touched_is_read_once(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tracked(work)
    settle(work)
    os.utime(place, (1_600_000_000, 1_600_000_000))
    assert changed(work) == []
    settle(work)
    monkeypatch.setattr(compare, "open_file", lambda *_: pytest.fail("the file was read"))
    assert changed(work) == []


@pytest.mark.parametrize("damage", [b"", b"mvc-index 1\n", b"\xff\0", None])
def test_a_lost_or_damaged_cache_is_harmless(work: Work, damage: bytes | None) -> None:
    place = tracked(work)
    file = Path(work.context.folder, "stat-cache")
    file.unlink()
    if damage is not None:
        file.write_bytes(damage)
    assert changed(work) == []
    place.write_bytes(model(2))
    assert changed(work) == ["m.safetensors"]


def test_a_cache_that_cannot_be_written_is_no_error(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tracked(work)
    os.utime(place)
    context = work.fresh()

    def refuse(*_: object, **__: object) -> None:
        raise ReadOnly("can't write")

    monkeypatch.setattr(context.disk, "write_whole", refuse)
    assert not status(context).unstaged


def test_facts_for_another_blob_or_mode_are_dropped(work: Work) -> None:
    tracked(work)
    work.write("m.safetensors", model(1), 0o755)
    work.add("m.safetensors")
    fact = index.load(work.context).entries["m.safetensors"]
    assert fact.mode == 0o100755
    work.write("m.safetensors", model(1), 0o644)
    index.refresh(work.context, {"m.safetensors": replace(fact, mode=0o100644)})
    assert index.load(work.context).entries["m.safetensors"].fingerprint == index_text.UNKNOWN


def test_facts_learned_before_the_stage_moved_vouch_for_nothing(work: Work) -> None:
    tracked(work)
    settle(work)
    index.learn(
        work.context,
        {"m.safetensors": Known(0o100644, work.staged()["m.safetensors"][1], 1, "1 2 3 4 5 6")},
    )
    cache = index.load(work.context)
    assert (cache.stage, cache.head, cache.head_files) == (None, None, None)
    assert cache.entries["m.safetensors"].fingerprint == "1 2 3 4 5 6"


def test_an_empty_cache_knows_nothing() -> None:
    assert Index().blob("m", os.lstat(os.curdir)) is None
