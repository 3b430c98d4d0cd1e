"""Holding the cycle collector off while a file of a hundred thousand tensors is taken apart."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """No collection of cycles in the block: parsing makes a million containers and hardly a cycle, and
    passing over them again and again takes a third of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
