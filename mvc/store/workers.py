"""The threads that encode, decode and hash; one pool for the process, made on first use.

Tasks here spend their time in NumPy, zstandard, blake3 and system calls, all of which let go of the
interpreter lock. A task must never wait for another task. What someone waits for goes first, so that what
can wait fills the time in which a large object keeps one core.
"""

from __future__ import annotations

import mmap
import os
import sys
import threading
from functools import cache, partial
from itertools import count
from queue import PriorityQueue
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future, ThreadPoolExecutor

T = TypeVar("T")
R = TypeVar("R")

#: Each thread keeps about 5 MiB of scratch and compression tables, which the memory budget has to
#: hold.
MOST = 12


@cache
def pool() -> ThreadPoolExecutor:
    """The pool, with a thread for each core that this process may use."""
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(min(cores(), MOST), thread_name_prefix="mvc-store")


@cache
def courier() -> ThreadPoolExecutor:
    """A thread that does one thing after the other, in order: for writes, which wait and don't compute."""
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(1, thread_name_prefix="mvc-courier")


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_waiting: PriorityQueue[tuple[bool, int, Future[Any], Callable[[], Any]]] = PriorityQueue()
_numbers = count()


def submit(work: Callable[[], R], *, urgent: bool = False) -> Future[R]:
    """Have ``work`` done on the pool: after all that came before, ``urgent`` work before all that is not."""
    from concurrent.futures import Future

    future: Future[R] = Future()
    _waiting.put((not urgent, next(_numbers), future, work))
    pool().submit(_do_next)
    return future


def _do_next() -> None:
    """The most urgent of what waits: each call of ``submit`` put one there and brings one thread here."""
    _, _, future, work = _waiting.get_nowait()
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = work()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)


def run(work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """``work`` on each item, on all cores and before what can wait; results in order. On an error the rest
    is cancelled and awaited."""
    waiting = [submit(partial(work, item), urgent=True) for item in items]
    try:
        for future in waiting:
            yield future.result()
    finally:
        settle(waiting)


def start(work: Callable[[], R], *, alone: bool) -> Future[R]:
    """Have ``work`` done on the pool; ``alone``, for work that hardly lets go of the interpreter lock, here
    and now: threads that take it from each other need half as much time again."""
    if not alone:
        return submit(work)
    from concurrent.futures import Future

    done: Future[R] = Future()
    done.set_result(work())
    return done


def settle(futures: Iterable[Future[R]]) -> None:
    """Cancel what has not begun and wait for what has: no task touches a buffer after this."""
    from concurrent.futures import wait

    left = [future for future in futures if not future.cancel()]
    wait(left)


class Buffers(threading.local):
    """A growing buffer for each thread, reused by every task that runs on it."""

    def __init__(self) -> None:
        self._buffer = bytearray(0)

    def take(self, size: int) -> memoryview:
        """``size`` bytes of any content, this thread's own until its next call."""
        if len(self._buffer) < size:
            self._buffer = bytearray(size)
        return memoryview(self._buffer)[:size]


def pages(size: int) -> memoryview:
    """Zeroed memory that costs nothing before it is touched."""
    if sys.platform == "win32":
        return memoryview(mmap.mmap(-1, max(size, 1)))[:size]
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    return memoryview(mmap.mmap(-1, max(size, 1), flags=flags))[:size]
