"""The delta codec's loops in NumPy: what every installation has, and what the compiled ones are tested
against. Lanes advance together, so a frame takes as many steps as it has tokens a lane: about a hundredth of
the compiled speed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mvc.store.kernel.arrays import NumpyKernel
from mvc.store.kernel.coding import (
    DIRECT,
    LOWEST,
    MOST_TABLES,
    PROBABILITY,
    PROBABILITY_BITS,
    Tables,
)

_WORDS: dict[int, np.dtype[Any]] = {width: np.dtype(f"<u{width}") for width in (1, 2, 4, 8)}
Words = npt.NDArray[Any]


class NumpyCoder:
    """See ``Coder``."""

    def difference(
        self, raw: memoryview, base: memoryview, width: int, ordered: bool, out: memoryview
    ) -> None:
        """See ``Coder``."""
        type_ = _WORDS[width]
        top = type_.type(1 << (8 * width - 1))
        a, b = np.frombuffer(raw, type_), np.frombuffer(base, type_)
        if ordered:
            a, b = _ordered(a, top), _ordered(b, top)
        difference = a - b
        sign = np.where(difference & top, ~type_.type(0), type_.type(0))
        np.bitwise_xor(difference << type_.type(1), sign, out=np.frombuffer(out, type_))

    def restore(
        self, difference: memoryview, base: memoryview, width: int, ordered: bool, out: memoryview
    ) -> None:
        """See ``Coder``."""
        type_ = _WORDS[width]
        one, top = type_.type(1), type_.type(1 << (8 * width - 1))
        zigzag, b = np.frombuffer(difference, type_), np.frombuffer(base, type_)
        value = (zigzag >> one) ^ np.where(zigzag & one, ~type_.type(0), type_.type(0))
        if ordered:
            value = value + _ordered(b, top)
            value = np.where(value & top, value ^ top, ~value)
        else:
            value = value + b
        np.copyto(np.frombuffer(out, type_), value)

    def tokens(
        self,
        raw: memoryview,
        base: memoryview,
        width: int,
        ordered: bool,
        tokens: memoryview,
        extra: memoryview,
    ) -> int:
        """See ``Coder``."""
        words = np.empty(len(tokens), _WORDS[width])
        self.difference(raw, base, width, ordered, words.view(np.uint8).data)
        values = words.astype(np.uint64)
        high = _highest_bit(values)
        left = np.where(values < DIRECT, 0, high - 2).astype(np.uint64)
        large = DIRECT + (high - 4) * 4 + (values >> left & np.uint64(3)).astype(np.int64)
        np.copyto(
            np.frombuffer(tokens, np.uint8),
            np.where(values < DIRECT, values.astype(np.int64), large),
            casting="unsafe",
        )
        some = left > 0
        packed = _packed(values[some], left[some].astype(np.int64))
        extra[: len(packed)] = packed
        return len(packed)

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
        """See ``Coder``."""
        seen = np.frombuffer(tokens, np.uint8).astype(np.int64)
        if len(seen) and int(seen.max()) >= DIRECT + (8 * width - 4) * 4:
            return False
        left = np.where(seen < DIRECT, 0, 2 + (seen - DIRECT) // 4)
        ends = np.cumsum(left)
        used = int(ends[-1]) if len(ends) else 0
        if used > 8 * length or 8 * length - used >= 8:
            return False
        bits = np.unpackbits(np.frombuffer(extra[:length], np.uint8), bitorder="little")
        low = np.zeros(len(seen), np.uint64)
        for place in range(int(left.max(initial=0))):
            has = left > place
            at = (ends - left)[has] + place
            low[has] |= bits[at].astype(np.uint64) << np.uint64(place)
        high = (4 | (seen & 3)).astype(np.uint64) << left.astype(np.uint64)
        values = np.where(seen < DIRECT, seen.astype(np.uint64), high | low)
        words = values.astype(_WORDS[width])
        self.restore(words.view(np.uint8).data, base, width, ordered, out)
        return True

    def contexts(self, base: memoryview, width: int, ordered: bool, out: memoryview) -> int:
        """See ``Coder``."""
        high = np.empty(len(out), np.uint8)
        NumpyKernel().plane(base, width, 0, ordered, high.data)
        groups = np.zeros(256, np.uint8)
        group = members = seen = 0
        for value, number in enumerate(np.bincount(high, minlength=256).tolist()):
            groups[value] = group
            members, seen = members + number, seen + number
            if members * MOST_TABLES >= len(out) > seen:
                group, members = group + 1, 0
        np.take(groups, high, out=np.frombuffer(out, np.uint8))
        return group + 1

    def tables(self, tokens: memoryview, contexts: memoryview, number: int) -> Tables:
        """See ``Coder``."""
        seen = np.frombuffer(tokens, np.uint8)
        each = int(seen.max(initial=0)) + 1
        both = np.frombuffer(contexts, np.uint8).astype(np.int64) * each + seen
        counts = np.bincount(both, minlength=number * each).reshape(number, each).tolist()
        flat = np.array([_shared_out(one) for one in counts], "<u2")
        return Tables(each, flat.tobytes())

    def encode(
        self, tokens: memoryview, contexts: memoryview, tables: Tables, lanes: int, out: memoryview
    ) -> int | None:
        """See ``Coder``."""
        frequencies = _frequencies(tables)
        starts = np.cumsum(frequencies, axis=1) - frequencies
        which = np.frombuffer(contexts, np.uint8), np.frombuffer(tokens, np.uint8)
        frequency, start = frequencies[which], starts[which]
        count = len(frequency)
        states = np.full(lanes, LOWEST, np.int64)
        words = []
        for first in range((count - 1) // lanes * lanes, -1, -lanes):
            f, s = frequency[first : first + lanes], start[first : first + lanes]
            x = states[: len(f)]
            full = x >= f << (32 - PROBABILITY_BITS)
            words.append(x[full].astype("<u2"))
            x = np.where(full, x >> 16, x)
            states[: len(f)] = (x // f << PROBABILITY_BITS) + x % f + s
        body = np.concatenate(words[::-1]).tobytes() if words else b""
        coded = states.astype("<u4").tobytes() + body
        if len(coded) > len(out):
            return None
        out[len(out) - len(coded) :] = coded
        return len(coded)

    def decode(
        self, data: memoryview, contexts: memoryview, tables: Tables, lanes: int, out: memoryview
    ) -> bool:
        """See ``Coder``."""
        if len(data) < 4 * lanes or len(data) % 2:
            return False
        frequencies = _frequencies(tables)
        if (frequencies.sum(axis=1) != PROBABILITY).any():
            return False
        every = np.repeat(np.tile(np.arange(tables.each), len(frequencies)), frequencies.ravel())
        slots = every.reshape(-1, PROBABILITY)
        starts = np.cumsum(frequencies, axis=1) - frequencies
        states = np.frombuffer(data[: 4 * lanes], "<u4").astype(np.int64)
        words = np.frombuffer(data[4 * lanes :], "<u2").astype(np.int64)
        position = 0
        where, tokens = np.frombuffer(contexts, np.uint8), np.frombuffer(out, np.uint8)
        for first in range(0, len(where), lanes):
            context = where[first : first + lanes]
            x = states[: len(context)]
            place = x & (PROBABILITY - 1)
            token = slots[context, place]
            tokens[first : first + lanes] = token
            x = frequencies[context, token] * (x >> PROBABILITY_BITS)
            x += place - starts[context, token]
            low = np.flatnonzero(x < LOWEST)
            if position + len(low) > len(words):
                return False
            x[low] = x[low] << 16 | words[position : position + len(low)]
            position += len(low)
            states[: len(context)] = x
        return position == len(words) and bool((states == LOWEST).all())


def _frequencies(tables: Tables) -> npt.NDArray[np.int64]:
    return np.frombuffer(tables.frequencies, "<u2").astype(np.int64).reshape(-1, tables.each)


def _shared_out(counts: list[int]) -> list[int]:
    """Frequencies that sum up to ``PROBABILITY``, at least 1 for each token that comes."""
    total = sum(counts)
    table = [max(1, (n * PROBABILITY + total // 2) // total) if n else 0 for n in counts]
    while (wrong := PROBABILITY - sum(table)) != 0:
        most = table.index(max(table))
        table[most] += max(wrong, 1 - table[most])
    return table


def _ordered(words: Words, top: Any) -> Words:
    """The place of each float in their order, lowest first."""
    ordered: Words = np.where(words & top, ~words, words | top)
    return ordered


def _highest_bit(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """The number of the highest bit that is set, 3 for what is smaller."""
    rest = values | np.uint64(8)
    high = np.zeros(len(values), np.int64)
    for step in (32, 16, 8, 4, 2, 1):
        more = rest >> np.uint64(step) > 0
        high[more] += step
        rest = np.where(more, rest >> np.uint64(step), rest)
    return high


def _packed(values: npt.NDArray[np.uint64], left: npt.NDArray[np.int64]) -> bytes:
    """The lowest ``left`` bits of each value, from the lowest bit up."""
    ends = np.cumsum(left)
    bits = np.zeros(int(ends[-1]) if len(ends) else 0, np.uint8)
    for place in range(int(left.max(initial=0))):
        has = left > place
        bits[(ends - left)[has] + place] = (values[has] >> np.uint64(place) & np.uint64(1)).astype(
            np.uint8
        )
    return np.packbits(bits, bitorder="little").tobytes()
