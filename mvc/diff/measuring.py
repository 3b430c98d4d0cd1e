"""The numbers of many changed tensors."""

from __future__ import annotations

from dataclasses import replace

from mvc.diff.changes import Progress, TensorChange
from mvc.diff.numeric import Scratch, TensorStats, comparable, compare
from mvc.diff.spreading import READ, Meter, spread
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
            meter.count(old.chunks(before.path, before.entry, READ)),
            meter.count(new.chunks(after.path, after.entry, READ)),
            new_dtype=after.entry.dtype,
            scratch=scratch,
        )

    found = spread(run, sizes, meter, "comparing", progress)
    return [
        replace(change, stats=found[n]) if n in found else change
        for n, change in enumerate(changes)
    ]


def _bytes_to_read(change: TensorChange) -> int:
    """Bytes of both sides; 0 where there are no numbers to be had."""
    if change.status != "changed" or change.shape_changed or not (change.old and change.new):
        return 0
    if not comparable(change.old.entry.dtype, change.new.entry.dtype):
        return 0
    return (change.old.size or 0) + (change.new.size or 0)
