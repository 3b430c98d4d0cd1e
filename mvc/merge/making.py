"""Tensors that strategies make of several models, from bytes to bytes.

What is elementwise is computed in pieces, anything else needs its tensor from every model. It must not know
where results go: ``producing.py`` has many made at once, and stores them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, cast

import numpy as np

from mvc.dtypes import DTYPES, nbytes
from mvc.errors import CorruptPack
from mvc.history.tensors import tensor_chunks
from mvc.merge.aligned import Part, made_of_rows
from mvc.merge.checks.rows import Rows, Sources
from mvc.merge.held import Bytes, Held, bytes_of
from mvc.merge.many import ToMake
from mvc.merge.producing import Planned
from mvc.merge.strategies.combination import Array, Piecewise, Place
from mvc.merge.strategies.numbers import common_dtype, compute_dtype, narrowed, widened
from mvc.merge.terms import Piece
from mvc.store.source import Candidate
from mvc.store.store import Store
from mvc.values import dataclass

#: Elements of a piece of what is elementwise: few enough for a core's cache, and for calls not to count.
_PIECE = 1 << 17


@dataclass(frozen=True, slots=True)
class Bench:
    """Where tensors come from, and what all of a merge have in common."""

    store: Store
    seed: int
    compute: str | None

    def plan(self, task: ToMake) -> Planned:
        """The tensor as something to be made."""
        dtype, shape = result_of(task)
        return Planned(
            task.name, dtype, shape, _cost(task), partial(self.make, task), partial(_sides, task)
        )

    def make(self, task: ToMake) -> Bytes:
        """The bytes of one tensor."""
        if task.rows is not None:
            return self._in_rows(task, task.rows)
        if task.combination.piecewise:
            return self._in_pieces(task, cast(Piecewise, task.combination))
        dtype, shape = result_of(task)
        elements = nbytes("U8", shape)
        kinds = tuple(piece.entry.dtype for piece in task.models)
        wide = compute_dtype(kinds, self.compute)
        pieces = (task.base, *task.models, *task.statistics)
        step = _PIECE if task.combination.elementwise else None
        width = DTYPES[dtype].bits // 8
        result = np.empty(elements * width, np.uint8)
        readers = [self._numbers(piece, step, wide) for piece in pieces]
        with np.errstate(all="ignore"):  # NaNs and infinities go where IEEE 754 sends them
            for start in range(0, elements, step or max(elements, 1)):
                count = min(step or elements, elements - start)
                here = (count,) if task.combination.elementwise else shape
                merged = self._merged(task, [next(reader) for reader in readers], here)
                result[start * width : (start + count) * width] = narrowed(merged, dtype)
        for reader in readers:
            next(reader, None)  # to its end, where bytes are proven
        return result

    def _in_pieces(self, task: ToMake, combination: Piecewise) -> Bytes:
        dtype, shape = result_of(task)
        wide = compute_dtype(tuple(piece.entry.dtype for piece in task.models), self.compute)
        base, *models = (
            None
            if piece is None
            else Held(bytes_of(self.store, piece), piece.entry.dtype, piece.entry.shape, wide)
            for piece in (task.base, *task.models)
        )
        result = np.empty(nbytes(dtype, shape), np.uint8)
        filled = 0
        place = Place(task.name, self.seed)
        with np.errstate(all="ignore"):
            for part in combination.pieces(base, [one for one in models if one], place):
                narrow = narrowed(part, dtype)
                result[filled : filled + narrow.size] = narrow
                filled += narrow.size
        return result

    def _in_rows(self, task: ToMake, rows: Rows) -> Bytes:
        dtype, _ = result_of(task)
        wide = compute_dtype(tuple(piece.entry.dtype for piece in task.models), self.compute)

        def part(piece: Piece, sources: Sources) -> Part:
            return Part(bytes_of(self.store, piece), piece.entry.dtype, piece.entry.shape, sources)

        statistics: list[Part | Array | None] = []
        for number, piece in enumerate(task.statistics):
            if piece is None:
                statistics.append(None)
            elif piece.entry.shape == task.models[number].entry.shape:
                statistics.append(part(piece, rows.models[number]))
            else:
                whole = bytes_of(self.store, piece)
                statistics.append(Held(whole, piece.entry.dtype, piece.entry.shape, wide).whole())
        base = None if task.base is None or rows.base is None else part(task.base, rows.base)
        with np.errstate(all="ignore"):
            return made_of_rows(
                task.combination,
                rows,
                base,
                [part(piece, rows.models[n]) for n, piece in enumerate(task.models)],
                statistics,
                (dtype, wide),
                Place(task.name, self.seed),
            )

    def _merged(self, task: ToMake, numbers: list[Array | None], shape: tuple[int, ...]) -> Array:
        count = len(task.models)
        base, models, statistics = numbers[0], numbers[1 : 1 + count], numbers[1 + count :]
        known = tuple(None if s is None else _shaped(s, shape, task) for s in statistics)
        place = Place(task.name, self.seed, known)
        arrays = [model.reshape(shape) for model in models if model is not None]
        return task.combination.combine(
            None if base is None else base.reshape(shape), arrays, place
        )

    def _numbers(
        self, piece: Piece | None, step: int | None, wide: np.dtype[Any]
    ) -> Iterator[Array | None]:
        """The tensor's numbers, ``step`` at a time or all at once; of no tensor None, as often as asked."""
        if piece is None:
            while True:
                yield None
        entry = piece.entry
        left = nbytes("U8", entry.shape)
        chunks = tensor_chunks(
            self.store, piece.home, entry, _PIECE * DTYPES[entry.dtype].bits // 8
        )
        spare = np.empty(0, wide)
        while left:
            count = left if step is None else min(step, left)
            numbers, filled = np.empty(0, wide), 0
            while filled < count:
                if not spare.size:
                    spare = widened(next(chunks), entry.dtype, wide)
                part, spare = spare[: count - filled], spare[count - filled :]
                if part.size == count:
                    numbers = part
                else:
                    numbers = numbers if numbers.size else np.empty(count, wide)
                    numbers[filled : filled + part.size] = part
                filled += part.size
            yield numbers
            left -= count
        # The whole is proven only when its end was asked for.
        if spare.size or any(len(chunk) for chunk in chunks):
            raise CorruptPack(f"the tensor {entry.name!r} has more bytes than {list(entry.shape)}")


def result_of(task: ToMake) -> tuple[str, tuple[int, ...]]:
    """Dtype and shape of the tensor."""
    kinds = tuple(piece.entry.dtype for piece in task.models)
    shape = task.models[0].entry.shape
    if task.rows is not None:
        shape = (task.rows.count, *shape[1:])
    return common_dtype(kinds), shape


def _cost(task: ToMake) -> int:
    """About the bytes of memory that making a tensor takes: it is, and what it is made of as numbers."""
    dtype, shape = result_of(task)
    elements = nbytes("U8", shape)
    sides = len(task.models) + len(task.statistics) + (task.base is not None)
    if task.rows is not None:  # bytes of all, taken apart, and as numbers
        return nbytes(dtype, shape) + elements * 12 * (sides + 1)
    if task.combination.piecewise:  # as they are stored, and what is kept besides
        pieces = [*task.models, *([task.base] if task.base is not None else [])]
        held = sum(nbytes(piece.entry.dtype, shape) for piece in pieces)
        scratch = cast(Piecewise, task.combination).scratch
        return nbytes(dtype, shape) + held + 4 * scratch * elements
    at_once = min(elements, _PIECE) if task.combination.elementwise else elements
    return nbytes(dtype, shape) + at_once * 4 * (2 * sides + 3)


def _shaped(statistic: Array, shape: tuple[int, ...], task: ToMake) -> Array:
    """A Gram matrix has the shape of its own inputs, Fisher information that of the tensor."""
    if task.combination.statistic == "gram":
        side = task.models[0].entry.shape[-1]
        return statistic.reshape(side, side)
    return statistic.reshape(shape)


def _sides(task: ToMake) -> list[Candidate]:
    """What the tensor may be stored as the difference to."""
    pieces = [*task.models, *([task.base] if task.base is not None else [])]
    entries = [piece.entry for piece in pieces if piece.entry.storage is None]
    return [Candidate(entry.id, entry.dtype) for entry in entries]
