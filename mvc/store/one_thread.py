"""BLAS on one thread, for as long as someone here asks for it.

The workers are as many as there are cores already: where each had BLAS start as many threads again, these
waited for each other, spinning, most of the time. What was set before comes back with the last who leaves.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController


class _Inside:
    """Who is inside; the first brings the limit, and the last takes it along."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.number = 0
        self.limit = contextlib.ExitStack()


_inside = _Inside()


@cache
def _controller() -> ThreadpoolController:
    import numpy.linalg  # noqa: F401 - what is not loaded yet is not found
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Products and factorings of NumPy inside run on the calling thread alone."""
    with _inside.lock:
        if not _inside.number:
            _inside.limit.enter_context(_controller().limit(limits=1, user_api="blas"))
        _inside.number += 1
    try:
        yield
    finally:
        with _inside.lock:
            _inside.number -= 1
            if not _inside.number:
                _inside.limit.close()
