"""Tensors out to a file of their own: one as ``.npy``, any number as ``.safetensors``.

It owns which ending means what, and the order: the whole file is written, and verified by the reads, under a
temporary name beside its place before a rename puts it there. No tensor is held in memory.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterator, Sequence

from mvc.diff.changes import Progress, TensorVersion
from mvc.diff.spreading import READ, Meter
from mvc.errors import StorageError, UnsupportedDtype, UsageError
from mvc.formats.layout import ComposedTensor
from mvc.formats.safetensors import EMPTY, SAFETENSORS
from mvc.formats.skeleton import Skeleton
from mvc.history.side import Side
from mvc.store.fs import Disk

_Parts = Iterator[bytes | memoryview]
#: Tensors in the order in which the file holds them, and the bytes in front of the first.
_Plan = tuple[Sequence[TensorVersion], bytes]


def export(
    side: Side,
    tensors: Sequence[TensorVersion],
    target: str,
    disk: Disk,
    *,
    force: bool = False,
    progress: Progress | None = None,
) -> None:
    """Write ``tensors`` to the new file ``target``; with ``force`` it may replace one.

    Raises:
        UsageError: ``target`` exists, has another ending, or is ``.npy`` and the tensors are not just one.
        FormatError: the format can't hold a tensor.
        MvcError: a tensor can't be read; nothing was written.
    """
    if os.path.lexists(target) and not force:
        raise UsageError(f"'{target}' exists already", hint="-f replaces it")
    order, head = _planner(target)(tensors)
    meter, total = Meter(), sum(map(_length, order))

    def parts() -> _Parts:
        yield head
        for version in order:
            for piece in meter.count(side.chunks(version.path, version.entry, READ)):
                yield piece
                if progress:
                    progress("writing", meter.passed, total)

    _put(target, parts(), disk)


def _planner(target: str) -> Callable[[Sequence[TensorVersion]], _Plan]:
    ending = os.path.splitext(target)[1].lower()
    if ending in SAFETENSORS.suffixes:
        return _safetensors
    if ending == ".npy":
        return _npy
    raise UsageError(
        f"can't tell what to write to '{target}'", hint="end it in .npy or .safetensors"
    )


def _safetensors(tensors: Sequence[TensorVersion]) -> _Plan:
    wanted = [
        ComposedTensor(v.entry.name, v.entry.dtype, v.entry.shape, _length(v)) for v in tensors
    ]
    skeleton, layout = SAFETENSORS.compose(EMPTY, tuple(wanted))
    homes = {version.entry.name: version for version in tensors}
    return [homes[storage.key] for storage in layout.storages], Skeleton.decode(skeleton).literal


def _npy(tensors: Sequence[TensorVersion]) -> _Plan:
    import numpy as np

    from mvc.arrays import numpy_dtype

    if len(tensors) != 1:
        raise UsageError(
            f"a .npy file holds one tensor, not {len(tensors)}",
            hint="name just one, or write to a .safetensors file",
        )
    entry = tensors[0].entry
    dtype = numpy_dtype(entry.dtype)
    if dtype.isbuiltin != 1:
        raise UnsupportedDtype(
            f"the tensor {entry.name!r} is {entry.dtype}, which a .npy file can't say",
            hint="write to a .safetensors file",
        )
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": dtype.str, "fortran_order": False, "shape": entry.shape}
    )
    return tensors, header.getvalue()


def _length(version: TensorVersion) -> int:
    if version.size is None:
        raise UnsupportedDtype(
            f"the tensor {version.entry.name!r} is {version.entry.dtype}, which no array has"
        )
    return version.size


def _put(target: str, parts: _Parts, disk: Disk) -> None:
    temporary = f"{target}.{os.getpid()}.tmp"
    try:
        with disk.create(temporary) as file:
            for part in parts:
                file.write(part)
            file.sync()
        disk.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(StorageError):
            disk.remove(temporary)
        raise
    disk.sync_folder(os.path.dirname(os.path.abspath(target)))
