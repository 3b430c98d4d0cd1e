"""Memory: what is free goes back to the system, and running out is an error that says what to lower.

Knows no framework.
"""

from __future__ import annotations

import ctypes
import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from mvc.errors import MvcError


@contextmanager
def explained(where: str, hint: str) -> Iterator[None]:
    """While the block lasts; ``where``: what was under way.

    Raises:
        MvcError: there was not enough.
    """
    try:
        yield
    except (MemoryError, RuntimeError, OSError) as error:
        # PyTorch has no class for it on a CPU: "DefaultCPUAllocator: can't allocate memory".
        if isinstance(error, RuntimeError) and "alloc" not in str(error).lower():
            raise
        if isinstance(error, OSError) and error.errno != errno.ENOMEM:
            raise
        raise MvcError(f"out of memory {where}", hint=hint) from error


def give_back() -> None:
    """Have the C library return what is free within its heap.

    glibc keeps freed tensors of up to 32 MiB for later, in holes between those that live: over the blocks of a
    model the holes grow. Other libraries have no such call, and nothing is done.
    """
    if sys.platform != "linux":
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
