"""A file from bytes in any order: whole, in bounded memory, and never later than its end."""

from __future__ import annotations

import contextlib
import mmap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mvc.errors import StorageError
from mvc.store import blocks, workers
from mvc.store.blocks import Blocks
from mvc.store.fs import Disk, File

PAGE = 4096
NOISE = np.random.default_rng(5).bytes(10 * PAGE + 77)


@pytest.fixture(scope="module", autouse=True)
def small_blocks() -> Iterator[None]:
    """Blocks of two pages, of which few may be held."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(blocks, "_BLOCK", 2 * PAGE)
        patched.setattr(blocks, "_BLOCKS", 0)
        yield


@given(
    st.integers(0, len(NOISE)).flatmap(
        lambda size: st.tuples(st.just(size), st.sets(st.integers(0, size), max_size=40))
    ),
    st.randoms(use_true_random=False),
    st.integers(1, 3),
    st.booleans(),
)
def test_spans_in_any_order_from_any_thread_are_the_file(
    tmp_path_factory: pytest.TempPathFactory,
    cut: tuple[int, set[int]],
    order: np.random.Generator,
    threads: int,
    known: bool,
) -> None:
    size, places = cut
    edges = sorted({0, size, *places})
    spans = list(pairwise(edges))
    order.shuffle(spans)  # type: ignore[arg-type]
    path = tmp_path_factory.mktemp("blocks") / "file"
    with (
        Disk().create(str(path)) as file,
        contextlib.closing(Blocks(file, size if known else None)) as filling,
        ThreadPoolExecutor(threads) as pool,
    ):
        file.truncate(size)

        def put(span: tuple[int, int]) -> None:
            start, end = span
            borrowed = bytearray(NOISE[start:end])
            filling.write_at(memoryview(borrowed), start)
            borrowed[:] = bytes(len(borrowed))  # it may be reused at once

        list(pool.map(put, spans))
        filling.finish()
    assert path.read_bytes() == NOISE[:size]


class FullFile(File):
    """No room from the second page on."""

    def write_at(self, data: bytes | bytearray | memoryview, offset: int) -> None:
        if offset + len(data) > PAGE:
            raise StorageError("no room")
        super().write_at(data, offset)

    def write_block_at(self, data: memoryview, offset: int) -> None:
        self.write_at(data, offset)


def test_a_write_that_fails_is_an_error_of_a_later_call_or_of_the_end(tmp_path: Path) -> None:
    made = Disk().create(str(tmp_path / "file"))
    file = FullFile(made.path, made._descriptor)
    with (
        contextlib.closing(file),
        contextlib.closing(Blocks(file, len(NOISE))) as filling,
        pytest.raises(StorageError, match="no room"),
    ):
        for start in range(0, len(NOISE), 1000):
            filling.write_at(memoryview(NOISE)[start : start + 1000], start)
        filling.finish()


@pytest.mark.parametrize("offset", [0, PAGE, 100])
@pytest.mark.parametrize("size", [2 * PAGE, PAGE + 5, 7, 0])
def test_a_block_needs_no_alignment(tmp_path: Path, offset: int, size: int) -> None:
    block = memoryview(mmap.mmap(-1, 2 * PAGE))
    block[:] = NOISE[: 2 * PAGE]
    with Disk().create(str(tmp_path / "file")) as file:
        file.write_block_at(block[:size], offset)
        file.sync()
    assert (tmp_path / "file").read_bytes()[offset:] == NOISE[:size]


def test_held_blocks_are_bounded(tmp_path: Path) -> None:
    size = 100 * 2 * PAGE
    with (
        Disk().create(str(tmp_path / "file")) as file,
        contextlib.closing(Blocks(file, size)) as filling,
    ):
        file.truncate(size)
        for start in range(0, size, 2 * PAGE):  # none of them is full
            filling.write_at(memoryview(NOISE)[:10], start)
        assert filling._made <= filling._most < 20
        filling.finish()
    data = (tmp_path / "file").read_bytes()
    assert {data[start : start + 10] for start in range(0, size, 2 * PAGE)} == {NOISE[:10]}


def test_memory_is_used_again_as_soon_as_it_has_left(tmp_path: Path) -> None:
    with (
        Disk().create(str(tmp_path / "file")) as file,
        contextlib.closing(Blocks(file)) as filling,
    ):
        for start in range(0, 10 * PAGE, 2 * PAGE):
            filling.write_at(memoryview(NOISE)[start : start + 2 * PAGE], start)
            workers.courier().submit(lambda: None).result()  # behind all writes
        assert filling._made == 1
        filling.finish()
    assert (tmp_path / "file").read_bytes() == NOISE[: 10 * PAGE]
