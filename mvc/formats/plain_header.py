"""The usual safetensors header, spelled as the library spells it, read by one expression.

Owns a shortcut and no verdict: what it reads, the strict parser would accept with the same result; of every
other header it says nothing. 100,000 tensors take 0.3 s instead of 1.1 s, which is most of a ``diff``.

Why that is safe: the expression cuts the text into pieces that together are the whole of it. When what is left
between the entries is single commas, and what stands before and after them is one object without them, then
the text can be read in no other way.
"""

from __future__ import annotations

import re
from itertools import accumulate, pairwise
from operator import mul
from typing import Any, NamedTuple

from mvc.dtypes import DTYPES, nbytes
from mvc.errors import MalformedFile
from mvc.formats.strict_json import Repeated, parse

METADATA = "__metadata__"
# Of 18 digits at most: longer ones may not fit 64 bits, and then are no integers to JSON.
_NUMBER = r"(?:0|[1-9][0-9]{0,17})"
_ENTRY = re.compile(
    r'"([^"\\\x00-\x1f]*)":\{"dtype":"([A-Z0-9_]+)",'
    rf'"shape":\[((?:{_NUMBER}(?:,{_NUMBER})*)?)\],"data_offsets":\[({_NUMBER}),({_NUMBER})\]\}}'
)
#: The pieces of one entry: what stands before it, and its five groups.
_STEP = 6
#: From so many elements on, their bits may pass the 64 bits that the library counts in.
_LARGE = 2**57


class Entry(NamedTuple):
    """A tensor in the header; ``start`` and ``end`` in bytes from the end of the header."""

    start: int
    end: int
    name: str
    dtype: str
    shape: tuple[int, ...]


def read_plain(header: bytes) -> tuple[list[Entry], Any] | None:
    """The entries, sorted by place and lying back to back from 0, and the metadata as JSON has it.

    None: the header may be sound, but is not of the usual spelling.
    """
    try:
        pieces = _ENTRY.split(header.decode("utf-8"))
    except UnicodeDecodeError:
        return None
    count = len(pieces) // _STEP
    if not count or pieces[-1].rstrip(" ") != "}" or pieces[_STEP:-1:_STEP].count(",") < count - 1:
        return None
    metadata = _before(pieces[0])
    names = pieces[1::_STEP]
    if metadata is None or METADATA in names or len(set(names)) < count:
        return None
    kinds = list(zip(pieces[2::_STEP], pieces[3::_STEP], strict=True))
    known = {kind: _shape(*kind) for kind in set(kinds)}  # many tensors, few shapes
    shapes, sizes = zip(*map(known.__getitem__, kinds), strict=True)
    starts, ends = (list(map(int, pieces[field::_STEP])) for field in (4, 5))
    entries = list(map(Entry, starts, ends, names, pieces[2::_STEP], shapes))
    if [end - start for start, end in zip(starts, ends, strict=True)] != list(sizes):
        return None
    entries.sort()
    if entries[0].start or any(left.end != right.start for left, right in pairwise(entries)):
        return None
    return entries, metadata.get(METADATA)


def _before(text: str) -> dict[str, Any] | None:
    """The object that ``text``, which stands before the first entry, would be without the entries."""
    if text == "{":
        return {}
    if not text.endswith(","):
        return None
    try:
        found = parse(f"{text[:-1]}}}".encode())
    except MalformedFile:
        return None
    plain = isinstance(found, dict) and not isinstance(found, Repeated)
    return found if plain and found.keys() == {METADATA} else None


def _shape(dtype: str, text: str) -> tuple[tuple[int, ...], int | None]:
    """The shape, and the bytes of such a tensor; None where they have to be counted with care."""
    shape = tuple(map(int, text.split(","))) if text else ()
    if dtype not in DTYPES or any(n >= _LARGE for n in accumulate(shape, mul)):
        return shape, None
    try:
        return shape, nbytes(dtype, shape)
    except ValueError:
        return shape, None
