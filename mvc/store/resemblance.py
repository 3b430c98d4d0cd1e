"""Which objects look like versions of each other: by the order of a few of their values, whatever their dtype.

A fine-tune, a cast and most quantizations keep the order of values; two tensors trained apart share none. A
sketch is the ranks of 256 values from the same places, and two objects of as many words are compared by the
correlation of these. It only proposes: a trial on a sample decides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mvc.dtypes import DTYPES
from mvc.errors import IntegrityError, StorageError
from mvc.ids import ObjectId
from mvc.limits import DELTA_SMALLEST
from mvc.store import workers
from mvc.store.bases import Bases

#: Values of a sketch, half of them from each of two stretches of at most so many words.
_VALUES = 256
_STRETCH = 8192
#: 256 pairs of unrelated values correlate by 0.06, one standard deviation; the best of 10,000 by 0.25.
_ALIKE = 0.4
#: Objects that an object is proposed, and rows of the table of correlations held at once.
_MOST = 4
_BLOCK = 1024

Sketches = npt.NDArray[np.float32]


def nearest(
    bases: Bases, objects: Mapping[bytes, tuple[str | None, int]]
) -> dict[bytes, list[bytes]]:
    """For each of ``objects`` (dtype and length) those that look most like it; none for most."""
    groups: dict[int, list[bytes]] = defaultdict(list)
    for digest, (dtype, length) in objects.items():
        if dtype in DTYPES and length >= DELTA_SMALLEST:
            groups[length // DTYPES[dtype].word].append(digest)
    found: dict[bytes, list[bytes]] = {}
    for words, group in groups.items():
        if len(group) > 1:
            found |= _alike(bases, words, [(one, str(objects[one][0])) for one in group])
    return found


def _alike(
    bases: Bases, words: int, group: Sequence[tuple[bytes, str]]
) -> Iterator[tuple[bytes, list[bytes]]]:
    def work(one: tuple[bytes, str]) -> Sketches | None:
        try:
            return _sketch(bases, words, *one)
        except (IntegrityError, StorageError):
            return None

    sketches = list(workers.run(work, group))
    known = [
        digest for (digest, _), sketch in zip(group, sketches, strict=True) if sketch is not None
    ]
    table = np.array([sketch for sketch in sketches if sketch is not None], np.float32)
    for start in range(0, len(known), _BLOCK):
        likeness = table[start : start + _BLOCK] @ table.T
        for row, digest in enumerate(known[start : start + _BLOCK]):
            likeness[row, start + row] = 0
            best = np.argsort(-likeness[row], kind="stable")[:_MOST]
            yield digest, [known[n] for n in best if likeness[row, n] > _ALIKE]


def _sketch(bases: Bases, words: int, digest: bytes, dtype: str) -> Sketches:
    """Ranks, with mean 0 and norm 1."""
    known = DTYPES[dtype]
    ground = bases.ground(ObjectId(digest.hex()))
    taken = []
    for start in (words // 4 // 64 * 64, words * 3 // 4 // 64 * 64):
        count = min(_STRETCH, words - start)
        data = memoryview(bytearray(count * known.word))
        ground.read_into(start * known.word, data)
        step = max(1, count // (_VALUES // 2))
        taken.append(np.frombuffer(data, f"<u{known.word}")[::step][: _VALUES // 2])
    values = _ordered(np.concatenate(taken), known.signed_float, dtype.startswith("I"))
    ranks = np.empty(_VALUES, np.float32)
    ranks[np.argsort(values, kind="stable")] = np.arange(len(values)) - (len(values) - 1) / 2
    return ranks / np.linalg.norm(ranks)


def _ordered(words: npt.NDArray[Any], signed_float: bool, signed: bool) -> npt.NDArray[Any]:
    """Unsigned words in the order of what they mean."""
    top = words.dtype.type(1 << (8 * words.dtype.itemsize - 1))
    if signed_float:
        return np.where(words & top, ~words, words | top)
    return words ^ top if signed else words
