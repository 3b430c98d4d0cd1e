"""Memory that is made once and used again: the first touch of fresh pages costs more than the arithmetic."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

Numbers: TypeAlias = "np.ndarray[Any, Any]"


class Scratch:
    """Arrays by role, for one thread; a role has one user at a time."""

    def __init__(self) -> None:
        self._buffers: dict[str, np.ndarray[Any, np.dtype[np.uint8]]] = {}

    def array(self, role: str, length: int, dtype: Any) -> Numbers:
        """A flat array of any content, which is the role's until it is asked for again."""
        element: np.dtype[Any] = np.dtype(dtype)
        size = length * element.itemsize
        buffer = self._buffers.get(role)
        if buffer is None or len(buffer) < size:
            buffer = self._buffers[role] = np.empty(size, np.uint8)
        return buffer[:size].view(element)
