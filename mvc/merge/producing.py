"""New tensors, computed and stored at the same time, a few at once.

Memory is bounded by a budget, or by the one tensor that alone is larger. Results come in order, so the same
merge writes the same pack, whatever the threads do. It must not know how a tensor is computed.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from mvc.dtypes import nbytes
from mvc.history.manifest import Entry
from mvc.limits import MIB, WINDOW
from mvc.merge.held import Bytes
from mvc.merge.terms import Made
from mvc.store import workers
from mvc.store.source import BytesSource, Candidate, Incoming
from mvc.store.writing import PackWriter
from mvc.values import dataclass

#: Bytes of tensors being made that may be in memory; the writer's own come to as much again.
BUDGET = 160 * MIB
#: More would wait for the writer.
_THREADS = 4


@dataclass(frozen=True, slots=True)
class Planned:
    """A tensor to be made: ``make`` gives its bytes, on any thread, and takes about ``cost`` bytes of memory.

    ``sides``: what it may be stored as the difference to.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    cost: int
    make: Callable[[], Bytes]
    sides: Callable[[], list[Candidate]]


def make_all(
    pack: PackWriter,
    tasks: Sequence[Planned],
    *,
    checksums: bool,
    progress: Callable[[str, int, int], None] | None,
) -> dict[str, Made]:
    """Make and store every tensor of ``tasks``, by name; ``checksums``: with the CRC-32 of its bytes."""
    total = sum(nbytes(task.dtype, task.shape) for task in tasks)
    done = 0

    def report(more: int) -> None:
        nonlocal done
        done += more
        if progress is not None:
            progress("merging", done, total)

    made: dict[str, Made] = {}
    batch: list[tuple[Planned, Bytes]] = []

    def store() -> None:
        incoming = [
            Incoming(BytesSource(data.data), task.dtype, task.sides) for task, data in batch
        ]
        for (task, data), id_ in zip(batch, pack.add(incoming, report), strict=True):
            entry = Entry(task.name, task.dtype, task.shape, id_)
            made[task.name] = Made(entry, zlib.crc32(data.data) if checksums else None)
        batch.clear()

    for task, data in _computed(tasks):
        batch.append((task, data))
        if sum(data.nbytes for _, data in batch) >= WINDOW // 2:
            store()
    if batch:
        store()
    return made


def _computed(tasks: Sequence[Planned]) -> Iterator[tuple[Planned, Bytes]]:
    """Each task with its bytes, in order; the next ones are being made meanwhile, within the budget."""
    threads = min(_THREADS, workers.cores())
    # Not the store's own threads: what runs there must never wait for what waits there.
    with ThreadPoolExecutor(threads, thread_name_prefix="mvc-merge") as pool:
        waiting: deque[tuple[Planned, Future[Bytes], int]] = deque()
        held = 0
        try:
            for task in tasks:
                cost = task.cost
                while waiting and held + cost > BUDGET:
                    first, future, freed = waiting.popleft()
                    yield first, future.result()
                    held -= freed
                waiting.append((task, pool.submit(task.make), cost))
                held += cost
            while waiting:
                first, future, _ = waiting.popleft()
                yield first, future.result()
        finally:
            for _, future, _ in waiting:
                future.cancel()
