"""The inner loops of the codecs, twice: in NumPy, and in C where a compiler was at hand at installation.

Owns the choice between the two; both give the same bytes, which the tests hold them to. A kernel knows
buffers and widths, not frames, payloads or ids.

Words are unsigned little-endian integers of 1, 2, 4 or 8 bytes. ``rotated`` words have been turned left by
one bit, which takes a float's sign out of its exponent's way. Plane 0 is the high-order byte of each word.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple, Protocol

#: Values of the window that a nibble can hold; the sixteenth nibble marks a stray.
WINDOW = 15
#: More than one stray in so many, and a plane is not paired.
STRAYS = 128
#: About so many bytes of a plane are looked at to place the window.
SAMPLE = 2048


class Paired(NamedTuple):
    """A plane as two values a byte: the ``low``-est of the window, and the values outside it in
    order."""

    low: int
    strays: bytes


class Kernel(Protocol):
    """Buffers are contiguous, of the lengths named; results go into ``out``, which overlaps nothing."""

    @property
    def name(self) -> str:
        """``numpy`` or ``native``."""
        ...

    def plane(
        self, raw: memoryview, width: int, number: int, rotated: bool, out: memoryview
    ) -> None:
        """Plane ``number`` of the words in ``raw``: a byte of ``out`` for each whole word."""
        ...

    def split(self, raw: memoryview, width: int, rotated: bool, out: memoryview) -> None:
        """All planes of the words, one behind the other: for small buffers, of which calls are the cost."""
        ...

    def join(
        self, planes: Sequence[memoryview], width: int, rotated: bool, out: memoryview
    ) -> None:
        """The words of which these are all planes, the inverse of ``plane``."""
        ...

    def pair(self, plane: memoryview, out: memoryview) -> Paired | None:
        """Two values of the plane in each byte of ``out``, the earlier one in the low nibble.

        ``out`` has half the length, rounded up. None when there are too many strays; ``out`` may then
        hold anything.
        """
        ...

    def unpair(self, pairs: memoryview, low: int, strays: memoryview, out: memoryview) -> int:
        """Inverse of ``pair``; how many strays the pairs mark, which should be how many were given."""
        ...

    def split_pairs(self, raw: memoryview, pairs: memoryview, low: memoryview) -> Paired | None:
        """Of rotated 16-bit words, ``pair`` of plane 0 into ``pairs``, and plane 1 into ``low``."""
        ...

    def join_pairs(
        self, pairs: memoryview, lowest: int, strays: memoryview, low: memoryview, out: memoryview
    ) -> int:
        """Inverse of ``split_pairs``; how many strays the pairs mark."""
        ...

    def match_pairs(
        self, pairs: memoryview, lowest: int, strays: memoryview, low: memoryview, raw: memoryview
    ) -> int | None:
        """``join_pairs``, but the words are only compared with ``raw``: None when they are others."""
        ...

    def equal(self, left: memoryview, right: memoryview) -> bool:
        """Whether two buffers of one length hold the same bytes."""
        ...

    def copy(self, source: memoryview, out: memoryview) -> None:
        """Copy between buffers of one length."""
        ...


@cache
def kernel() -> Kernel:
    """The compiled kernel, or else the one in NumPy."""
    from mvc.store.kernel import native

    compiled = native.load()
    if compiled is not None:
        return compiled
    from mvc.store.kernel.arrays import NumpyKernel

    return NumpyKernel()
