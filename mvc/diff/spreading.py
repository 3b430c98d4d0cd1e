"""Work on many tensors at once: on all cores, in bounded memory, with progress by the bytes that were read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

from mvc.diff.changes import Progress
from mvc.diff.scratch import Scratch
from mvc.limits import MIB
from mvc.store.workers import cores

Result = TypeVar("Result")

#: Bytes to ask for at a time. Two windows and 8 MiB of scratch a thread; four threads stay below 64 MiB.
READ = 4 * MIB
_THREADS = 4
#: Tensors that one task goes through: handing a task over costs as much as reading a small tensor.
_MOST = 256
#: Seconds between reports of progress.
_TICK = 0.2


class Meter:
    """Counts the bytes that pass, in any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.passed = 0

    def count(self, pieces: Iterator[memoryview]) -> Iterator[memoryview]:
        """``pieces`` as they are, each counted once it has been used."""
        for piece in pieces:
            yield piece
            with self._lock:
                self.passed += piece.nbytes


def spread(
    work: Callable[[int, Scratch], Result],
    sizes: Mapping[int, int],
    meter: Meter,
    what: str,
    progress: Progress | None,
) -> dict[int, Result]:
    """``work`` done on each of the numbers that ``sizes`` gives bytes for, with the calling thread's scratch.

    Raises:
        MvcError: what ``work`` raises; nothing further is begun then.
    """
    if not sizes:
        return {}
    own, total = threading.local(), sum(sizes.values())

    def run(batch: list[int]) -> dict[int, Result]:
        scratch = own.__dict__.setdefault("scratch", Scratch())
        return {number: work(number, scratch) for number in batch}

    batches = list(_batches(sizes))
    pool = ThreadPoolExecutor(min(cores(), _THREADS, len(batches)), "mvc-diff")
    results: dict[int, Result] = {}
    try:
        for future in [pool.submit(run, batch) for batch in batches]:
            while wait([future], _TICK).not_done:
                if progress:
                    progress(what, meter.passed, total)
            results |= future.result()
        if progress:
            progress(what, meter.passed, total)
    finally:
        pool.shutdown(cancel_futures=True)
    return results


def _batches(sizes: Mapping[int, int]) -> Iterator[list[int]]:
    """The numbers in lots that are worth handing to a thread.

    The largest first, so that no thread is left alone with one at the end; small ones together.
    """
    batch: list[int] = []
    filled = 0
    for number in sorted(sizes, key=lambda number: -sizes[number]):
        if batch and (filled + sizes[number] > READ or len(batch) == _MOST):
            yield batch
            batch, filled = [], 0
        batch.append(number)
        filled += sizes[number]
    yield batch
