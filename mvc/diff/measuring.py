"""The numbers of many changed tensors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mvc.diff.changes import Progress, TensorChange
from mvc.diff.numeric import Scratch, TensorStats, comparable, compare
from mvc.diff.spreading import READ, Meter, spread
from mvc.dtypes import DTYPES, nbytes
from mvc.history.side import Side


def measured(
    old: Side, new: Side, changes: list[TensorChange], progress: Progress | None = None
) -> list[TensorChange]:
    """``changes`` with the numbers of each tensor that has any, in the same order.

    Raises:
        MvcError: a tensor can't be read.
    """
    sizes = {n: size for n, change in enumerate(changes) if (size := _bytes_to_read(change))}
    meter = Meter()

    def run(number: int, scratch: Scratch) -> TensorStats:
        before, after = changes[number].old, changes[number].new
        assert before is not None and after is not None
        return compare(
            before.entry.dtype,
            *pieces(old, new, changes[number], meter),
            new_dtype=after.entry.dtype,
            scratch=scratch,
        )

    found = spread(run, sizes, meter, "comparing", progress)
    return [
        replace(change, stats=found[n]) if n in found else change
        for n, change in enumerate(changes)
    ]


def pieces(
    old: Side, new: Side, change: TensorChange, meter: Meter
) -> tuple[Iterator[memoryview], Iterator[memoryview]]:
    """The bytes of both versions, as far as they are compared."""
    shape = change.compared_shape
    assert change.old is not None and change.new is not None and shape is not None
    found = []
    for side, version in ((old, change.old), (new, change.new)):
        chunks = side.chunks(version.path, version.entry, READ)
        if shape != version.entry.shape:
            chunks = _first(chunks, nbytes(version.entry.dtype, shape))
        found.append(meter.count(chunks))
    return found[0], found[1]


def _first(chunks: Iterator[memoryview], left: int) -> Iterator[memoryview]:
    for piece in chunks:
        yield piece[:left]
        left -= len(piece)
        if left <= 0:
            return


def _bytes_to_read(change: TensorChange) -> int:
    """Bytes of both sides; 0 where there are no numbers to be had."""
    shape = change.compared_shape
    if change.status != "changed" or shape is None or not (change.old and change.new):
        return 0
    if not comparable(change.old.entry.dtype, change.new.entry.dtype):
        return 0
    if shape == change.new.entry.shape:
        return (change.old.size or 0) + (change.new.size or 0)
    if DTYPES[change.new.entry.dtype].bits % 8 or DTYPES[change.old.entry.dtype].bits % 8:
        return 0  # rows need not be whole bytes
    return sum(nbytes(version.entry.dtype, shape) for version in (change.old, change.new))
