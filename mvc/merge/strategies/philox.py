"""Random numbers that depend on the seed, the tensor's name and the model's number alone.

Philox is counter-based, and NumPy promises the raw words of a bit generator for all versions (NEP 19), which it
does not for what its distributions make of them: so the words themselves are compared.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np

from mvc.merge.strategies.combination import Array, Place


class Stream:
    """Numbers from 0 to below 1, multiples of 2**-24 (exact in float32), one after the other."""

    def __init__(self, place: Place, model: int) -> None:
        text = f"{place.seed}\0{model}\0{place.name}".encode(errors="surrogatepass")
        key = np.frombuffer(blake2b(text, digest_size=16).digest(), "<u8")
        self._words = np.random.Philox(key=key)
        self._spare = np.empty(0, "<u4")

    def take(self, count: int) -> Array:
        """The next ``count``."""
        missing = max(0, count - self._spare.size)
        words = self._words.random_raw(-(-missing // 2)).astype("<u8", copy=False).view("<u4")
        drawn = np.concatenate([self._spare, words]) if self._spare.size else words
        self._spare = drawn[count:].copy()
        found = (drawn[:count] >> np.uint32(8)).astype(np.float32)
        found *= np.float32(2.0**-24)
        return found
