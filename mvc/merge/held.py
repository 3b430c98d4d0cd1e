"""A tensor in memory as it is stored; a stretch becomes numbers when it is looked at."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mvc.dtypes import DTYPES, nbytes
from mvc.history.tensors import tensor_chunks
from mvc.merge.strategies.combination import Array
from mvc.merge.strategies.numbers import widened
from mvc.merge.terms import Piece
from mvc.store.store import Store

Bytes = NDArray[np.uint8]


class Held:
    """``data``: the bytes of a tensor of ``shape``; see ``combination.Numbers``."""

    def __init__(
        self, data: Bytes, dtype: str, shape: tuple[int, ...], wide: np.dtype[Any]
    ) -> None:
        self._data, self._stored = data, dtype
        self._width = DTYPES[dtype].bits // 8
        self.size, self.shape, self.dtype = data.size // self._width, shape, wide

    def __getitem__(self, where: slice) -> Array:
        part = self._data[where.start * self._width : where.stop * self._width]
        return widened(part.data, self._stored, self.dtype)

    def whole(self) -> Array:
        """All of it, in its shape."""
        return self[0 : self.size].reshape(self.shape)


def bytes_of(store: Store, piece: Piece) -> Bytes:
    """The tensor's bytes, proven.

    Raises:
        IntegrityError: they are not those that the manifest names.
    """
    held, filled = np.empty(nbytes(piece.entry.dtype, piece.entry.shape), np.uint8), 0
    for chunk in tensor_chunks(store, piece.home, piece.entry):
        held[filled : filled + len(chunk)] = chunk
        filled += len(chunk)
    return held
