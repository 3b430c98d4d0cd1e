"""Random masks that depend on the seed, the tensor's name and the model's number alone.

Philox is counter-based, and NumPy promises the raw words of a bit generator for all versions (NEP 19), which it
does not for what its distributions make of them: so the words themselves are compared.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np

from mvc.merge.strategies.combination import Array, Place


def uniform(place: Place, model: int, shape: tuple[int, ...]) -> Array:
    """Numbers from 0 to below 1, multiples of 2**-24 (exact in float32), for each element."""
    text = f"{place.seed}\0{model}\0{place.name}".encode(errors="surrogatepass")
    key = np.frombuffer(blake2b(text, digest_size=16).digest(), "<u8")
    size = int(np.prod(shape, dtype=np.int64))
    words = np.random.Philox(key=key).random_raw(-(-size // 2)).astype("<u8", copy=False)
    drawn = (words.view("<u4")[:size] >> np.uint32(8)).astype(np.float32)
    drawn *= np.float32(2.0**-24)
    return drawn.reshape(shape)
