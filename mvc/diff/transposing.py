"""Matrices that changed only by being turned about their diagonal, as where ``x @ W`` became ``x @ W.T``.

It reads a corner of each candidate, and the whole only of pairs whose corners agree; a window at a time,
whatever the size. The proof is a sum of 64 bits over (element, place) pairs: no cryptography, and none is
needed to describe a change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mvc.diff.changes import TensorChange, TensorVersion
from mvc.diff.pairing import Stream
from mvc.diff.scratch import Scratch
from mvc.diff.spreading import READ
from mvc.dtypes import DTYPES
from mvc.history.side import Side

#: Bytes that are read to see a corner, and rows and columns of it.
_GLANCE = 1 << 16
_CORNER = 16
#: Elements of a block.
_BLOCK = 1 << 17
#: The golden ratio's, and two of SplitMix64's constants.
_STEP, _MIX, _MIX_AGAIN = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def transposed(
    old: Side, new: Side, changes: Sequence[TensorChange], asked: Sequence[int]
) -> list[TensorChange]:
    """``changes`` in which turned matrices are called that, sorted by name.

    Of tensors that both sides have only those whose index is ``asked`` are looked at; of tensors that one
    side has, all.

    Raises:
        MvcError: a tensor can't be read.
    """
    look = _Look(old, new)
    found = {n: changes[n] for n in range(len(changes))}
    for number in asked:
        change = changes[number]
        if change.status == "changed" and look.turned(change.old, change.new):
            found[number] = TensorChange("transposed", change.old, change.new)
    gone = {n: c.old for n, c in found.items() if c.status == "removed" and _fits(c.old)}
    come = {n: c.new for n, c in found.items() if c.status == "added" and _fits(c.new)}
    waiting: dict[object, list[int]] = {}
    for number, version in gone.items():
        assert version is not None
        waiting.setdefault(_likeness(version, version.entry.shape), []).append(number)
    for number, version in come.items():
        assert version is not None
        sources = waiting.get(_likeness(version, version.entry.shape[::-1]), [])
        for source in sources:
            if look.turned(gone[source], version):
                sources.remove(source)
                del found[source]
                found[number] = TensorChange("transposed", gone[source], version)
                break
    return sorted(found.values(), key=lambda change: change.name)


class _Look:
    """Both sides, with what was read of them: no tensor is read twice."""

    def __init__(self, old: Side, new: Side) -> None:
        self.old, self.new = old, new
        self._corners: dict[tuple[bool, TensorVersion], Any] = {}
        self._digests: dict[tuple[bool, TensorVersion], int] = {}

    def turned(self, old: TensorVersion | None, new: TensorVersion | None) -> bool:
        if not (_fits(old) and _fits(new)) or old is None or new is None:
            return False
        if old.entry.dtype != new.entry.dtype or old.entry.shape != new.entry.shape[::-1]:
            return False
        if not np.array_equal(self._corner(old, False), self._corner(new, True)):
            return False
        return self._digest(old, False) == self._digest(new, True)

    def _corner(self, version: TensorVersion, is_new: bool) -> Any:
        key = (is_new, version)
        if key not in self._corners:
            self._corners[key] = self._read_corner(version, is_new)
        return self._corners[key]

    def _read_corner(self, version: TensorVersion, is_new: bool) -> Any:
        rows, columns = version.entry.shape
        bits = _bits(version)
        side = min(_CORNER, rows, columns, max(1, _GLANCE // (max(rows, columns) * bits.itemsize)))
        wanted = side * columns * bits.itemsize
        data = b""
        for piece in (self.new if is_new else self.old).chunks(version.path, version.entry, READ):
            data += bytes(piece[: wanted - len(data)])
            if len(data) == wanted:
                break
        corner = np.frombuffer(data, bits).reshape(side, columns)[:, :side]
        return corner.T if is_new else corner

    def _digest(self, version: TensorVersion, is_new: bool) -> int:
        key = (is_new, version)
        if key not in self._digests:
            side = self.new if is_new else self.old
            pieces = side.chunks(version.path, version.entry, READ)
            self._digests[key] = _digest(pieces, version, is_new)
        return self._digests[key]


def _digest(pieces: Iterator[memoryview], version: TensorVersion, turn: bool) -> int:
    """The sum over all elements of a hash of each with its place; with ``turn``, its place in the
    transposition."""
    rows, columns = version.entry.shape
    bits = _bits(version)
    stream = Stream(pieces, Scratch().array("straddle", _BLOCK * bits.itemsize, np.uint8))
    total, start = 0, 0
    while len(raw := stream.take()):
        elements = raw.view(bits)
        place = np.arange(start, start + len(elements), dtype=np.uint64)
        start += len(elements)
        if turn:
            row, column = np.divmod(place, np.uint64(columns))
            place = column * np.uint64(rows) + row
        place *= np.uint64(_STEP)
        place += elements
        for shift, factor in ((30, _MIX), (27, _MIX_AGAIN)):
            place ^= place >> np.uint64(shift)
            place *= np.uint64(factor)
        place ^= place >> np.uint64(31)
        total = (total + int(place.sum())) & 0xFFFF_FFFF_FFFF_FFFF
    return total


def _fits(version: TensorVersion | None) -> bool:
    """A matrix of whole bytes with more than one row and column; else turning changes no byte."""
    if version is None or len(version.entry.shape) != 2 or min(version.entry.shape) < 2:
        return False
    known = DTYPES.get(version.entry.dtype)
    return known is not None and known.bits >= 8


def _likeness(version: TensorVersion, shape: tuple[int, ...]) -> object:
    return (version.entry.dtype, shape)


def _bits(version: TensorVersion) -> np.dtype[Any]:
    return np.dtype(f"<u{DTYPES[version.entry.dtype].bits // 8}")
