"""The inner loops of the delta codec, twice as well: the protocol, and the choice between the two.

Words are split into *tokens*, one byte each, and *extra* bits. Tokens are coded by rANS (Duda,
arXiv:1311.2540) with 32-bit states that move 16 bits at a time, interleaved over ``lanes`` (Giesen,
arXiv:1402.3392), so that NumPy can run all lanes at once. Each token is coded by the table of its *context*.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple, Protocol

PROBABILITY_BITS = 12
#: The frequencies of a table sum up to this.
PROBABILITY = 1 << PROBABILITY_BITS
#: A state never stays below this.
LOWEST = 1 << 16
#: Values below this are tokens themselves.
DIRECT = 16
#: Tables that a frame can have.
MOST_TABLES = 32
#: Bytes that must be readable behind the extra bits.
MARGIN = 9


class Tables(NamedTuple):
    """For each context, how often each of the first ``each`` tokens comes in ``PROBABILITY``: one table
    behind the other, as u16. Tokens from ``each`` on come nowhere."""

    each: int
    frequencies: bytes | memoryview

    @property
    def number(self) -> int:
        """How many tables these are."""
        return len(self.frequencies) // (2 * self.each)


class Coder(Protocol):
    """Buffers are contiguous, of the lengths named; results go into ``out``, which overlaps nothing."""

    def difference(
        self, raw: memoryview, base: memoryview, width: int, ordered: bool, out: memoryview
    ) -> None:
        """The difference of each word to the base's, wrapping, as zigzag: small in either direction is
        small.

        ``ordered`` takes the words as floats and subtracts their places in the order of floats.
        """
        ...

    def restore(
        self, difference: memoryview, base: memoryview, width: int, ordered: bool, out: memoryview
    ) -> None:
        """Inverse of ``difference``."""
        ...

    def tokens(
        self,
        raw: memoryview,
        base: memoryview,
        width: int,
        ordered: bool,
        tokens: memoryview,
        extra: memoryview,
    ) -> int:
        """A token for each word's ``difference``; what tokens leave out goes into ``extra``, which has room
        for the words and 8 bytes. How many bytes of it are used.

        A difference below ``DIRECT`` is its token; any other's token is its highest bit and the two below it.
        """
        ...

    def words(
        self,
        tokens: memoryview,
        extra: memoryview,
        length: int,
        base: memoryview,
        width: int,
        ordered: bool,
        out: memoryview,
    ) -> bool:
        """Inverse of ``tokens``, from ``length`` bytes of ``extra``, which has ``MARGIN`` more.

        False when a token is of no such width, or the extra bits are too few or too many.
        """
        ...

    def contexts(self, base: memoryview, width: int, ordered: bool, out: memoryview) -> int:
        """The context of each word of ``base``, which is a group of values of its high byte (rotated, where
        ``ordered``); how many contexts there are, at most ``MOST_TABLES``.

        In ascending order a group takes value after value until it has a 32nd of the words.
        """
        ...

    def tables(self, tokens: memoryview, contexts: memoryview, number: int) -> Tables:
        """A table for each of ``number`` contexts, in which each token that comes has a share."""
        ...

    def encode(
        self, tokens: memoryview, contexts: memoryview, tables: Tables, lanes: int, out: memoryview
    ) -> int | None:
        """Code the tokens to the end of ``out``; the length, or None when they don't fit.

        ``lanes`` is a power of two.
        """
        ...

    def decode(
        self, data: memoryview, contexts: memoryview, tables: Tables, lanes: int, out: memoryview
    ) -> bool:
        """Inverse of ``encode``: the tokens; False when ``data`` is not exactly what it writes, or a table
        sums up to something else than ``PROBABILITY``."""
        ...


@cache
def coder() -> Coder:
    """The compiled coder, or else the one in NumPy."""
    from mvc.store.kernel import native

    library = native.library()
    if library is not None:
        from mvc.store.kernel.native_coder import NativeCoder

        return NativeCoder(library)
    from mvc.store.kernel.array_coder import NumpyCoder

    return NumpyCoder()
