"""The kernel in NumPy: what every installation has, and what the compiled one is tested against.

Scratch is kept for each thread and reused: the first touch of fresh memory costs 1-3 s a GB.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mvc.store.kernel import SAMPLE, STRAYS, WINDOW, Paired
from mvc.store.workers import Buffers

Bytes = npt.NDArray[np.uint8]

_STRAY = np.uint8(WINDOW)
_WORDS: dict[int, np.dtype[Any]] = {width: np.dtype(f"<u{width}") for width in (1, 2, 4, 8)}
_SIGNED: dict[int, np.dtype[Any]] = {width: np.dtype(f"<i{width}") for width in _WORDS}


_spare, _nibbles, _flags, _some, _high, _joined = (Buffers() for _ in range(6))


def _take(buffers: Buffers, count: int) -> Bytes:
    return np.frombuffer(buffers.take(count), np.uint8)


class NumpyKernel:
    """See ``Kernel``."""

    name = "numpy"

    def plane(
        self, raw: memoryview, width: int, number: int, rotated: bool, out: memoryview
    ) -> None:
        """See ``Kernel``."""
        plane = np.frombuffer(out, np.uint8)
        words = np.frombuffer(raw, _WORDS[width], len(plane))
        shift = 8 * (width - 1 - number) - rotated
        if shift > 0:
            spare = _take(_spare, words.nbytes).view(words.dtype)
            np.right_shift(words, shift, out=spare)
            np.copyto(plane, spare, casting="unsafe")
            return
        np.copyto(plane, words, casting="unsafe")
        if rotated:
            sign = _take(_flags, len(words)).view(np.bool_)
            np.less(words.view(_SIGNED[width]), 0, out=sign)
            np.add(plane, plane, out=plane)
            np.bitwise_or(plane, sign.view(np.uint8), out=plane)

    def split(self, raw: memoryview, width: int, rotated: bool, out: memoryview) -> None:
        """See ``Kernel``."""
        count = len(out) // width
        for number in range(width):
            self.plane(raw, width, number, rotated, out[number * count : (number + 1) * count])

    def join(
        self, planes: Sequence[memoryview], width: int, rotated: bool, out: memoryview
    ) -> None:
        """See ``Kernel``."""
        count = len(planes[0])
        dtype = _WORDS[width]
        words = np.frombuffer(out, dtype, count)
        spare = _take(_spare, count * width).view(dtype)
        np.copyto(words, np.frombuffer(planes[0], np.uint8))
        for plane in planes[1:]:
            np.left_shift(words, 8, out=words)
            np.copyto(spare, np.frombuffer(plane, np.uint8))
            np.bitwise_or(words, spare, out=words)
        if rotated:
            np.right_shift(words, 1, out=spare)
            np.left_shift(words, 8 * width - 1, out=words)
            np.bitwise_or(words, spare, out=words)

    def pair(self, plane: memoryview, out: memoryview) -> Paired | None:
        """See ``Kernel``."""
        values = np.frombuffer(plane, np.uint8)
        count = len(values)
        low = max(0, int(values[:: count // SAMPLE | 1].max()) - WINDOW + 1)
        nibbles = _take(_nibbles, count + count % 2)
        nibbles[-1] = 0
        np.subtract(values, np.uint8(low), out=nibbles[:count])
        strays = _positions(nibbles[:count], np.greater_equal)
        if len(strays) > count // STRAYS:
            return None
        nibbles[strays] = _STRAY
        words = nibbles.view("<u2")
        spare = _take(_spare, len(nibbles)).view("<u2")
        np.right_shift(words, 4, out=spare)
        np.bitwise_or(words, spare, out=spare)
        np.copyto(np.frombuffer(out, np.uint8), spare, casting="unsafe")
        return Paired(low, values[strays].tobytes())

    def unpair(self, pairs: memoryview, low: int, strays: memoryview, out: memoryview) -> int:
        """See ``Kernel``."""
        both = _take(_nibbles, 2 * len(pairs))
        words = both.view("<u2")
        spare = _take(_spare, 2 * len(pairs)).view("<u2")
        np.copyto(words, np.frombuffer(pairs, np.uint8))
        np.left_shift(words, 4, out=spare)
        np.bitwise_or(words, spare, out=words)
        np.bitwise_and(words, 0x0F0F, out=words)
        nibbles = both[: len(out)]
        positions = _positions(nibbles, np.equal)
        plane = np.frombuffer(out, np.uint8)
        np.add(nibbles, np.uint8(low), out=plane)
        given = positions[: len(strays)]
        plane[given] = np.frombuffer(strays, np.uint8)[: len(given)]
        return len(positions)

    def split_pairs(self, raw: memoryview, pairs: memoryview, low: memoryview) -> Paired | None:
        """See ``Kernel``."""
        high = _high.take(len(low))
        self.plane(raw, 2, 0, True, high)
        self.plane(raw, 2, 1, True, low)
        return self.pair(high, pairs)

    def join_pairs(
        self, pairs: memoryview, lowest: int, strays: memoryview, low: memoryview, out: memoryview
    ) -> int:
        """See ``Kernel``."""
        high = _high.take(len(low))
        marked = self.unpair(pairs, lowest, strays, high)
        self.join([high, low], 2, True, out)
        return marked

    def match_pairs(
        self, pairs: memoryview, lowest: int, strays: memoryview, low: memoryview, raw: memoryview
    ) -> int | None:
        """See ``Kernel``."""
        words = _joined.take(2 * len(low))
        marked = self.join_pairs(pairs, lowest, strays, low, words)
        return marked if self.equal(words, raw[: len(words)]) else None

    def equal(self, left: memoryview, right: memoryview) -> bool:
        """See ``Kernel``; 20 GB/s where ``memoryview.__eq__`` makes 0.2."""
        whole = len(left) // 8
        flags = _take(_spare, whole).view(np.bool_)
        np.not_equal(
            np.frombuffer(left, np.uint64, whole), np.frombuffer(right, np.uint64, whole), out=flags
        )
        return not flags.any() and bytes(left[whole * 8 :]) == bytes(right[whole * 8 :])

    def copy(self, source: memoryview, out: memoryview) -> None:
        """See ``Kernel``; without the interpreter lock, which a memoryview holds while it copies."""
        np.copyto(np.frombuffer(out, np.uint8), np.frombuffer(source, np.uint8))


def _positions(nibbles: Bytes, compare: np.ufunc) -> npt.NDArray[np.intp]:
    """Where ``compare(nibble, _STRAY)`` holds, which is rare.

    Looking for eights with one first takes a third of ``flatnonzero``'s time.
    """
    count = len(nibbles)
    rows = -(-count // 8)
    flags = _take(_flags, 8 * rows).view(np.bool_)
    flags[count:] = False
    compare(nibbles, _STRAY, out=flags[:count])
    some = _take(_some, rows).view(np.bool_)
    np.not_equal(flags.view(np.uint64), 0, out=some)
    found = np.flatnonzero(some)
    if len(found) > rows // 8:
        return np.flatnonzero(flags)
    row, column = np.nonzero(flags.reshape(rows, 8)[found])
    return found[row] * 8 + column
