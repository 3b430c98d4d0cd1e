"""The numbers of many changed tensors, on all cores and in bounded memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace

from mvc.diff.changes import Progress, TensorChange, TensorVersion
from mvc.diff.numeric import Scratch, TensorStats, comparable, compare
from mvc.history.side import Side
from mvc.limits import MIB
from mvc.store.workers import cores

#: Two windows and 8 MiB of scratch a thread; four threads stay below 64 MiB.
_WINDOW = 4 * MIB
_THREADS = 4
#: Seconds between reports of progress.
_TICK = 0.2


def measured(
    old: Side, new: Side, changes: list[TensorChange], progress: Progress | None = None
) -> list[TensorChange]:
    """``changes`` with the numbers of each tensor that has any, in the same order.

    Raises:
        MvcError: a tensor can't be read.
    """
    sizes = {n: size for n, change in enumerate(changes) if (size := _bytes_to_read(change))}
    if not sizes:
        return changes
    result = list(changes)
    # The largest first, so that no thread is left alone with one at the end.
    order = sorted(sizes, key=lambda n: -sizes[n])
    task, total = _Task(old, new), sum(sizes.values())
    pool = ThreadPoolExecutor(min(cores(), _THREADS, len(order)), "mvc-diff")
    try:
        for n, future in [(n, pool.submit(task.run, changes[n])) for n in order]:
            while wait([future], _TICK).not_done:
                if progress:
                    progress("comparing", task.done, total)
            result[n] = replace(changes[n], stats=future.result())
        if progress:
            progress("comparing", task.done, total)
    finally:
        pool.shutdown(cancel_futures=True)
    return result


class _Task:
    """Compares a tensor at a time in each thread; ``done`` counts the bytes read."""

    def __init__(self, old: Side, new: Side) -> None:
        self._old, self._new = old, new
        self._own = threading.local()
        self._lock = threading.Lock()
        self.done = 0

    def run(self, change: TensorChange) -> TensorStats:
        assert change.old is not None and change.new is not None
        scratch: Scratch = self._own.__dict__.setdefault("scratch", Scratch())
        return compare(
            change.old.entry.dtype,
            self._counted(self._old, change.old),
            self._counted(self._new, change.new),
            new_dtype=change.new.entry.dtype,
            scratch=scratch,
        )

    def _counted(self, side: Side, tensor: TensorVersion) -> Iterator[memoryview]:
        for piece in side.chunks(tensor.path, tensor.entry, _WINDOW):
            yield piece
            with self._lock:
                self.done += piece.nbytes


def _bytes_to_read(change: TensorChange) -> int:
    """Bytes of both sides; 0 where there are no numbers to be had."""
    if change.status != "changed" or change.shape_changed or not (change.old and change.new):
        return 0
    if not comparable(change.old.entry.dtype, change.new.entry.dtype):
        return 0
    return (change.old.size or 0) + (change.new.size or 0)
