"""Running out of memory as an error that says what to lower. Knows no framework."""

from __future__ import annotations

import errno
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
