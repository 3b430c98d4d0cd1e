"""Ids of tensors that look into a storage instead of filling it.

A view's id is BLAKE3 of its row-major bytes, as if it were a tensor of its own, so that a transposed or tied
weight is the same tensor however a file keeps it. Row-major views are hashed straight from the file; only
strided ones are gathered, window by window, from the part of the storage that they reach.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from blake3 import blake3

from mvc import limits
from mvc.dtypes import DTYPES
from mvc.errors import LimitExceeded, MalformedFile, UnsupportedDtype
from mvc.formats.layout import Layout, Storage, Tensor
from mvc.ids import ObjectId
from mvc.store.source import FileSpan
from mvc.worktree.reading import OpenFile

if TYPE_CHECKING:
    import numpy as np

    Elements = np.ndarray[Any, np.dtype[np.void]]

#: Bytes of all different views together, as a multiple of the file: a few lines of pickle can describe
#: petabytes (a stride of 0, a million views of one storage), and each byte would have to be hashed.
_MOST = 64


def is_whole(tensor: Tensor) -> bool:
    """Whether the tensor is its storage: then the storage's object is the tensor's."""
    return tensor.strides is None and tensor.offset == 0 and tensor.storage == tensor.name


def strides_of(tensor: Tensor) -> tuple[int, ...]:
    """Strides in elements; those of row-major order where the layout gives none."""
    return row_major(tensor.shape) if tensor.strides is None else tensor.strides


def row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides, in elements, of a tensor that is written row by row."""
    strides = []
    step = 1
    for extent in reversed(shape):
        strides.append(step)
        step *= extent
    return tuple(reversed(strides))


def view_ids(opened: OpenFile, layout: Layout, tensors: Iterable[Tensor]) -> dict[str, ObjectId]:
    """The id of each of ``tensors``, which are views of the layout's storages, by name.

    Raises:
        MalformedFile: a view leaves its storage.
        UnsupportedDtype: a view of elements that are no whole bytes.
        LimitExceeded: the views add up to far more than the file.
    """
    storages = {storage.key: storage for storage in layout.storages}
    known: dict[tuple[object, ...], ObjectId] = {}
    found: dict[str, ObjectId] = {}
    budget = max(limits.WHOLE_OBJECT, _MOST * layout.size)
    for tensor in tensors:
        key = (tensor.storage, tensor.dtype, tensor.shape, tensor.offset, strides_of(tensor))
        if key not in known:
            view = _View(opened, storages[tensor.storage], tensor)
            budget -= view.nbytes
            if budget < 0:
                raise LimitExceeded(
                    f"the tensors that share storages, {tensor.name!r} among them, "
                    f"add up to more than {_MOST} times the file"
                )
            known[key] = view.id()
        found[tensor.name] = known[key]
    return found


class _View:
    """A tensor over a storage of an open file, checked to lie inside."""

    def __init__(self, opened: OpenFile, storage: Storage, tensor: Tensor) -> None:
        dtype = DTYPES.get(tensor.dtype)
        if dtype is None or dtype.bits % 8:
            raise UnsupportedDtype(
                f"the tensor {tensor.name!r} is a view of {tensor.dtype} elements"
            )
        self._width = dtype.bits // 8
        self._tensor = tensor
        self._strides = strides_of(tensor)
        elements = 1
        for extent in tensor.shape:
            elements *= extent
        self.nbytes = elements * self._width
        steps = zip(tensor.shape, self._strides, strict=True)
        self._reach = 1 + sum((n - 1) * step for n, step in steps) if elements else 0
        outside = (tensor.offset + self._reach) * self._width > storage.length
        if outside or tensor.offset < 0 or min(self._strides, default=0) < 0:
            raise MalformedFile(
                f"the tensor {tensor.name!r} leaves its storage {storage.key!r} "
                f"(byte {storage.offset}, {storage.length} bytes)"
            )
        start = storage.offset + tensor.offset * self._width
        self._span: FileSpan = opened.span(start, self._reach * self._width)

    def id(self) -> ObjectId:
        """BLAKE3-256 of the row-major bytes."""
        if self._span.length == self.nbytes and self._is_row_major():
            from mvc.worktree.hashing import hash_span  # 10 ms for its threads

            return hash_span(self._span)
        hasher = blake3()
        for piece in self.pieces():
            hasher.update(piece)
        return ObjectId(hasher.hexdigest())

    def pieces(self) -> Iterator[bytes]:
        """The row-major bytes, at most ``limits.WINDOW`` at a time."""
        if not self.nbytes:
            return
        import numpy as np

        data = bytearray(self._span.length)
        self._span.read_into(0, memoryview(data))
        # A void dtype moves elements of any width as they are; NumPy has no BF16.
        flat = np.frombuffer(data, dtype=np.dtype((np.void, self._width)))
        steps = [step * self._width for step in self._strides]
        yield from _blocks(np.lib.stride_tricks.as_strided(flat, self._tensor.shape, steps))

    def _is_row_major(self) -> bool:
        wanted = row_major(self._tensor.shape)
        steps = zip(self._tensor.shape, self._strides, wanted, strict=True)
        return all(extent == 1 or step == want for extent, step, want in steps)


def _blocks(view: Elements) -> Iterator[bytes]:
    if view.nbytes <= limits.WINDOW or view.ndim == 0:
        yield view.tobytes()
        return
    rows = limits.WINDOW // (view.nbytes // len(view))
    if rows:
        for start in range(0, len(view), rows):
            yield view[start : start + rows].tobytes()
        return
    for row in view:
        yield from _blocks(row)


def view_pieces(opened: OpenFile, storage: Storage, tensor: Tensor) -> Iterator[bytes]:
    """The row-major bytes of a view, at most ``limits.WINDOW`` at a time.

    Raises:
        MalformedFile, UnsupportedDtype: as ``view_ids``.
    """
    return _View(opened, storage, tensor).pieces()
