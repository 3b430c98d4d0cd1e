"""The inner loops of the mask codec, twice as well: the protocol, and the choice between the two.

Words are floats of 2, 4 or 8 bytes; their *magnitude* is the word without its sign.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple, Protocol

#: Tokens of words: as predicted; what else the rule allows; zero by the other rule; any other, which is listed.
AS_PREDICTED, OTHERWISE, OTHER_ZERO, LISTED = 0, 1, 2, 3
#: Magnitudes are counted by their highest bits.
BUCKET_BITS = 15


class Survey(NamedTuple):
    """Of a frame and its base: ``zeros``; other words that ``changed``; zeros where the base has a
    ``negative`` word, and where such a one, or any other that is no zero, left a ``negative_zero``; the
    ``highest`` magnitude of the base's words that became zero, and the ``lowest`` of all others."""

    zeros: int
    changed: int
    negative: int
    negative_zeros: int
    highest: int
    lowest: int


class Masker(Protocol):
    """Buffers are contiguous, of the lengths named; results go into ``out``, which overlaps nothing.

    A word of the base is predicted to be zero where its magnitude is not above the ``threshold``, with the
    base's sign where ``keeps`` says so; else it is predicted as it is.
    """

    def survey(self, raw: memoryview, base: memoryview, width: int) -> Survey:
        """What the frame is like."""
        ...

    def threshold(self, raw: memoryview, base: memoryview, width: int) -> int:
        """The threshold that makes the fewest mistakes, of those that are told by ``BUCKET_BITS``; the
        lowest of such."""
        ...

    def tokens(
        self,
        raw: memoryview,
        base: memoryview,
        width: int,
        threshold: int,
        keeps: bool,
        tokens: memoryview,
        listed: memoryview,
    ) -> int | None:
        """A token for each word; how many words are listed, in order, or None for more than there is room."""
        ...

    def words(
        self,
        tokens: memoryview,
        base: memoryview,
        width: int,
        threshold: int,
        keeps: bool,
        listed: memoryview,
        out: memoryview,
    ) -> bool:
        """Inverse of ``tokens``; False when there is another token, or not just as many are listed."""
        ...


@cache
def masker() -> Masker:
    """The compiled loops, or else those in NumPy."""
    from mvc.store.kernel import native

    library = native.library()
    if library is not None:
        from mvc.store.kernel.native_masker import NativeMasker

        return NativeMasker(library)
    from mvc.store.kernel.array_masker import NumpyMasker

    return NumpyMasker()
