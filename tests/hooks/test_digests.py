"""One reading of a file gives all its digests, in bounded memory."""

from __future__ import annotations

import hashlib
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hooks import digests as module
from hooks.digests import digests
from mvc.errors import MvcError
from mvc.formats.layout import Storage
from mvc.ids import object_id
from mvc.store.source import BytesSource


@st.composite
def files(draw: st.DrawFn) -> tuple[bytes, list[Storage]]:
    """Content, and storages in it: adjacent, apart, empty, over many buffers."""
    gaps = draw(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=12))
    storages, position = [], 0
    for number, (gap, length) in enumerate(gaps):
        storages.append(Storage(str(number), position + gap, length))
        position += gap + length
    size = max(1, position + draw(st.integers(0, 30)))
    return draw(st.binary(min_size=size, max_size=size)), storages


@given(files(), st.integers(1, 64))
def test_they_are_the_digests_of_the_parts(file: tuple[bytes, list[Storage]], buffer: int) -> None:
    data, storages = file
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BUFFER", buffer)
        sha256, ids = digests(BytesSource(data), storages)
    assert sha256 == hashlib.sha256(data).hexdigest()
    assert ids == [object_id(data[s.offset : s.offset + s.length]) for s in storages]


class Watched:
    """A source of zeros that notes how it is read, and may break off."""

    def __init__(self, length: int, broken_at: int | None = None) -> None:
        self.length = length
        self.reads: list[tuple[int, int]] = []
        self.buffers: set[int] = set()
        self._broken_at = broken_at

    def read_into(self, offset: int, buffer: memoryview) -> None:
        if self._broken_at is not None and offset >= self._broken_at:
            raise MvcError("it became shorter")
        self.reads.append((offset, len(buffer)))
        self.buffers.add(id(buffer.obj))


def test_every_byte_is_read_once_into_the_same_few_buffers() -> None:
    source = Watched(20 * module.BUFFER + 5)
    digests(source, [Storage("a", 8, source.length - 8)])
    position = 0
    for offset, length in source.reads:
        assert offset == position
        assert length <= module.BUFFER
        position += length
    assert position == source.length
    assert len(source.buffers) <= 3


@pytest.mark.parametrize("storages", [[], [Storage("a", 0, 10 * module.BUFFER)]])
def test_a_reading_that_fails_ends_in_its_error_and_leaves_no_thread(
    storages: list[Storage],
) -> None:
    threads = threading.active_count()
    with pytest.raises(MvcError, match="shorter"):
        digests(Watched(10 * module.BUFFER, broken_at=5 * module.BUFFER), storages)
    assert threading.active_count() == threads
