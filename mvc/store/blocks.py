"""Bytes of a new file that arrive in any order, from several threads, and leave in whole blocks.

A block goes past the page cache as soon as it is full; another thread writes it, in the order in which they
fill. Memory is bounded: where too many are half full, the oldest leaves as it is, through the page cache, as
does all that comes for it later. It knows nothing of what the bytes mean.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

from mvc.limits import MIB
from mvc.store import workers
from mvc.store.memory import copy

if TYPE_CHECKING:
    from concurrent.futures import Future

    from mvc.store.fs import File

#: Half of it takes a tenth longer.
_BLOCK = 4 * MIB
#: Blocks that may be held besides one for each thread that fills one; or in all, where bytes come in order.
_BLOCKS = 8
_IN_ORDER = 7


class _Block:
    """A block being filled: its memory, the spans that are there, and who is copying into it now."""

    def __init__(self, memory: memoryview, size: int) -> None:
        self.memory = memory
        self.size = size
        self.spans: list[tuple[int, int]] = []
        self.busy = 0

    @property
    def full(self) -> bool:
        return not self.busy and sum(end - start for start, end in self.spans) == self.size


class Blocks:
    """Fills a ``file``, every byte of which is written once. ``close`` in any case.

    ``size``: its bytes; None where they come in order and nobody knows how many: the last block leaves with
    ``finish``.
    """

    def __init__(self, file: File, size: int | None = None) -> None:
        self._file = file
        self._size = size
        self._lock = threading.Lock()
        in_any = min(workers.cores(), workers.MOST) + _BLOCKS
        self._most = _IN_ORDER if size is None else in_any
        self._made = 0
        self._free: list[memoryview] = []
        self._open: OrderedDict[int, _Block] = OrderedDict()
        self._loose: set[int] = set()
        self._leaving: deque[tuple[Future[None], memoryview]] = deque()

    def write_at(self, data: memoryview, offset: int) -> None:
        """Take bytes for ``offset`` on; they may be reused at once.

        Raises:
            StorageError: of these, or of earlier ones.
        """
        while data:
            number, inside = divmod(offset, _BLOCK)
            part = data[: _BLOCK - inside]
            self._put(number, inside, part)
            data, offset = data[len(part) :], offset + len(part)

    def finish(self) -> None:
        """Write what is left and wait for all; not durable yet.

        Raises:
            StorageError
        """
        with self._lock:
            for number in list(self._open):
                self._scatter(number)
            leaving = list(self._leaving)
        for future, _ in leaving:
            future.result()

    def close(self) -> None:
        """Wait until nothing writes any more, and let the memory go; harmless after ``finish``."""
        workers.settle(future for future, _ in self._leaving)
        self._leaving.clear()
        self._open.clear()
        self._free.clear()

    def _put(self, number: int, inside: int, part: memoryview) -> None:
        block = self._enter(number)
        if block is None:
            self._file.write_at(part, number * _BLOCK + inside)
            return
        copy(part, block.memory[inside : inside + len(part)])
        with self._lock:
            block.busy -= 1
            block.spans.append((inside, inside + len(part)))
            if block.full:
                del self._open[number]
                self._send(number, block)

    def _enter(self, number: int) -> _Block | None:
        """The block to copy into; None if its bytes go through the page cache."""
        while True:
            with self._lock:
                block = self._open.get(number)
                if block is None and number not in self._loose:
                    block = self._begin(number)
                if block is not None:
                    block.busy += 1
                if block is not None or number in self._loose:
                    return block
                future, memory = self._leaving.popleft()
            future.result()
            with self._lock:
                self._free.append(memory)

    def _begin(self, number: int) -> _Block | None:
        """A new block; None where one has to come back from the disk first, or its number is loose now."""
        # First what has arrived: fresh memory costs more than its room, the more so on a virtual machine.
        while not self._free and self._leaving and self._leaving[0][0].done():
            future, memory = self._leaving.popleft()
            future.result()
            self._free.append(memory)
        if not self._free and self._made < self._most:
            self._made += 1
            self._free.append(workers.pages(_BLOCK))
        if not self._free and not self._leaving:
            idle = next((n for n, block in self._open.items() if not block.busy), None)
            if idle is None:
                self._loose.add(number)
                return None
            self._scatter(idle)
        if not self._free:
            return None
        start = number * _BLOCK
        size = _BLOCK if self._size is None else min(_BLOCK, self._size - start)
        block = self._open[number] = _Block(self._free.pop(), size)
        return block

    def _scatter(self, number: int) -> None:
        """Let a block go as it is."""
        block = self._open.pop(number)
        self._loose.add(number)
        for start, end in block.spans:
            self._file.write_at(block.memory[start:end], number * _BLOCK + start)
        self._free.append(block.memory)

    def _send(self, number: int, block: _Block) -> None:
        data = block.memory[: block.size]

        def write() -> None:
            self._file.write_block_at(data, number * _BLOCK)

        self._leaving.append((workers.courier().submit(write), block.memory))
