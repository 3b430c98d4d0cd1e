"""From a checkpoint to spans and tensor lines.

A storage that one tensor fills row by row, and that nothing else uses, goes by that tensor's name; every
other storage goes by its zip entry's name, and the tensors over it say where in it they lie.
"""

from __future__ import annotations

from collections import Counter
from typing import BinaryIO, Final

from mvc.formats.layout import Layout, Storage, Tensor
from mvc.formats.pytorch.checkpoint import Checkpoint, read_checkpoint
from mvc.formats.pytorch.scalars import read_scalars

NAME: Final = "pytorch"


def read_layout(file: BinaryIO, size: int) -> Layout:
    """The layout of a PyTorch zip file; see ``Format.read_layout``."""
    return layout_of(read_checkpoint(file, size), size)


def layout_of(checkpoint: Checkpoint, size: int) -> Layout:
    """The layout of a file of ``size`` bytes that ``checkpoint`` describes."""
    keys = storage_keys(checkpoint)
    tensors = []
    for tensor in checkpoint.tensors:
        view = tensor.found.view
        key = keys[tensor.entry.name]
        if key == tensor.name:
            tensors.append(Tensor(tensor.name, view.dtype, view.shape, key))
        else:
            place = (key, view.offset, view.strides)
            tensors.append(Tensor(tensor.name, view.dtype, view.shape, *place))
    storages = [
        Storage(keys[entry.name], entry.offset, entry.stored)
        for entry in checkpoint.storages.values()
    ]
    return Layout(
        NAME,
        size,
        tuple(sorted(storages, key=lambda storage: storage.offset)),
        tuple(sorted(tensors, key=lambda tensor: tensor.name)),
        read_scalars(checkpoint.pickles[0].root[0]),
    )


def storage_keys(checkpoint: Checkpoint) -> dict[str, str]:
    """The key of each storage, by the name of its zip entry. Keys are unique."""
    names = {tensor.name for tensor in checkpoint.tensors}
    uses = Counter(tensor.entry.name for tensor in checkpoint.tensors)
    keys = {}
    for tensor in checkpoint.tensors:
        entry, view = tensor.entry, tensor.found.view
        alone = uses[entry.name] == 1 and entry.name not in checkpoint.loose
        if alone and view.row_major and view.offset == 0 and view.nbytes == entry.length:
            keys[entry.name] = tensor.name
    for name in checkpoint.storages:
        if name not in keys:
            key = name
            while key in names:
                key += "'"
            keys[name] = key
            names.add(key)
    return keys
