"""Two streams of bytes, cut differently, read in step as blocks of the same elements.

A block is a view of the piece it lies in wherever it lies in one; only what straddles two pieces is copied.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np

from mvc.diff.scratch import Scratch
from mvc.dtypes import DTYPES
from mvc.errors import CorruptPack

Bytes: TypeAlias = "np.ndarray[Any, np.dtype[np.uint8]]"


def pairs(
    dtypes: tuple[str, str],
    old: Iterator[memoryview],
    new: Iterator[memoryview],
    elements: int,
    scratch: Scratch,
) -> Iterator[tuple[Bytes, Bytes]]:
    """The bytes of ``elements`` elements (a multiple of 8) of each side; of fewer at the end.

    Raises:
        CorruptPack: the streams don't hold equally many whole elements.
    """
    bits = [DTYPES[dtype].bits for dtype in dtypes]
    streams = [
        Stream(pieces, scratch.array(f"{side} straddle", elements * b // 8, np.uint8))
        for side, pieces, b in zip(("old", "new"), (old, new), bits, strict=True)
    ]
    while True:
        a, b = (stream.take() for stream in streams)
        if len(a) * bits[1] != len(b) * bits[0] or any(
            len(taken) * 8 % b for taken, b in zip((a, b), bits, strict=True)
        ):
            raise CorruptPack(
                "two versions of a tensor don't have equally many elements", hint="mvc fsck --full"
            )
        if not len(a):
            return
        yield a, b


class Stream:
    """Pieces of bytes, each valid until the next is asked for, cut anew to fill ``straddle``."""

    def __init__(self, pieces: Iterator[memoryview], straddle: Bytes) -> None:
        self._pieces = pieces
        self._rest: Bytes = np.empty(0, np.uint8)
        self._straddle = straddle

    def take(self) -> Bytes:
        """As many bytes as ``straddle`` has (fewer at the end), valid until the next call."""
        length = len(self._straddle)
        while not len(self._rest) and self._next():
            pass
        if len(self._rest) >= length:
            taken, self._rest = self._rest[:length], self._rest[length:]
            return taken
        filled = 0
        while filled < length and (len(self._rest) or self._next()):
            part = min(length - filled, len(self._rest))
            self._straddle[filled : filled + part] = self._rest[:part]
            self._rest = self._rest[part:]
            filled += part
        return self._straddle[:filled]

    def _next(self) -> bool:
        piece = next(self._pieces, None)
        if piece is None:
            return False
        self._rest = np.frombuffer(piece, np.uint8)
        return True
