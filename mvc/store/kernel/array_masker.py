"""The mask codec's loops in NumPy: what every installation has, and what the compiled are tested against."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mvc.store.kernel.masking import BUCKET_BITS, LISTED, OTHER_ZERO, OTHERWISE, Survey

_WORDS: dict[int, np.dtype[Any]] = {width: np.dtype(f"<u{width}") for width in (2, 4, 8)}
Words = npt.NDArray[Any]


class NumpyMasker:
    """See ``Masker``."""

    def survey(self, raw: memoryview, base: memoryview, width: int) -> Survey:
        """See ``Masker``."""
        words, under = _words(raw, width), _words(base, width)
        rest = _rest(width)
        magnitudes, zero = under & rest, words & rest == 0
        pruned = zero & (magnitudes != 0)
        gone = _all_bits(zero, width)
        return Survey(
            int(np.count_nonzero(zero)),
            int(np.count_nonzero(~zero & (words != under))),
            int(np.count_nonzero(pruned & (under > rest))),
            int(np.count_nonzero(pruned & (words != 0))),
            int((magnitudes & gone).max(initial=0)),
            int((magnitudes | gone & rest).min(initial=int(rest))),
        )

    def threshold(self, raw: memoryview, base: memoryview, width: int) -> int:
        """See ``Masker``."""
        rest, shift = _rest(width), 8 * width - 1 - BUCKET_BITS
        zero = _words(raw, width) & rest == 0
        buckets = ((_words(base, width) & rest) >> _WORDS[width].type(shift)).astype(np.int64)
        below = np.cumsum(np.bincount(buckets[~zero], minlength=1 << BUCKET_BITS))
        above = np.cumsum(np.bincount(buckets[zero], minlength=1 << BUCKET_BITS))
        best = int(np.argmin(below + (above[-1] - above)))
        return ((best + 1) << shift) - 1

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
        """See ``Masker``."""
        count = len(tokens)
        words, under = _words(raw, width)[:count], _words(base, width)[:count]
        predicted = _guess(under, threshold, keeps, width)
        found = np.frombuffer(tokens, np.uint8)
        found[:] = 0
        wrong = np.flatnonzero(words != predicted)  # few: what is rare is looked at apart
        otherwise = _otherwise(under[wrong], predicted[wrong], keeps, width)
        other_zero = words[wrong] == _zeros(under[wrong], not keeps, width)
        surprise = np.where(other_zero, np.uint8(OTHER_ZERO), np.uint8(LISTED))
        surprise[words[wrong] == otherwise] = OTHERWISE
        found[wrong] = surprise
        rare = words[found == LISTED]
        if len(rare) > len(listed) // width:
            return None
        listed[: rare.nbytes] = rare.tobytes()
        return len(rare)

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
        """See ``Masker``."""
        found, count = np.frombuffer(tokens, np.uint8), len(tokens)
        number = len(listed) // width
        if found.max(initial=0) > LISTED or np.count_nonzero(found == LISTED) != number:
            return False
        under = _words(base, width)[:count]
        words = _guess(under, threshold, keeps, width)
        wrong = np.flatnonzero(found)
        surprise, below = found[wrong], under[wrong]
        otherwise = _otherwise(below, words[wrong], keeps, width)
        words[wrong] = np.where(surprise == OTHER_ZERO, _zeros(below, not keeps, width), otherwise)
        words[wrong[surprise == LISTED]] = _words(listed, width)
        np.copyto(np.frombuffer(out, _WORDS[width], count), words)
        return True


def _words(data: memoryview, width: int) -> Words:
    return np.frombuffer(data, _WORDS[width], len(data) // width)


def _top(width: int) -> Any:
    return _WORDS[width].type(1 << (8 * width - 1))


def _rest(width: int) -> Any:
    return ~_top(width)


def _zeros(under: Words, keeps: bool, width: int) -> Words:
    """Zeros by the rule, or, for the other rule's ``keeps``, the other ones."""
    negative: Words = under & _top(width)
    return negative if keeps else np.zeros_like(negative)


def _guess(under: Words, threshold: int, keeps: bool, width: int) -> Words:
    """Zero where the magnitude is not above the threshold, else the base's word."""
    most = _WORDS[width].type(min(threshold, int(_rest(width))))
    kept = ~_all_bits(under & _rest(width) <= most, width)
    guess: Words = under & (kept | _top(width)) if keeps else under & kept
    return guess


def _otherwise(under: Words, predicted: Words, keeps: bool, width: int) -> Words:
    """The base's word where zero was predicted, and zero where that word was."""
    other: Words = predicted ^ under ^ _zeros(under, keeps, width)
    return other


def _all_bits(truth: npt.NDArray[np.bool_], width: int) -> Words:
    """All bits of a word where it is true, none where it is not: NumPy's own choosing is ten times slower."""
    bits: Words = np.negative(truth.astype(_WORDS[width]))
    return bits
