"""Write a model of before PyTorch 1.6 as safetensors: ``python prepare.py FROM.bin TO.safetensors``.

Such a file is a row of pickles, then the bytes of each storage. Only the names that tensors are made of are
looked up, and no code of the file runs. The prefix ``bert.`` of keys is dropped: base and fine-tunes then have
the same names.
"""

from __future__ import annotations

import pickle
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from safetensors.numpy import save_file

_MAGIC = 0x1950A86A20F9469CFC6C


class _Reader(pickle.Unpickler):
    """Tensors come out as ``(storage, offset, shape, strides)``."""

    def find_class(self, module: str, name: str) -> Any:
        """The few names that there may be."""
        known = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): lambda *about: about[:4],
            ("torch", "FloatStorage"): np.dtype("<f4"),
            ("torch", "LongStorage"): np.dtype("<i8"),
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in a file of tensors")
        return known[module, name]

    def persistent_load(self, about: Any) -> Any:
        """A storage: its dtype and its key."""
        return about[1], about[2]


def read(file: BinaryIO) -> dict[str, np.ndarray[Any, Any]]:
    """The tensors of a file, by name."""
    magic, _, _, described = (_Reader(file).load() for _ in range(4))
    if magic != _MAGIC:
        raise SystemExit(f"{file.name} is no PyTorch file of before 1.6")
    kinds = {key: kind for (kind, key), *_ in described.values()}
    storages = {}
    for key in _Reader(file).load():
        (count,) = np.fromfile(file, "<i8", 1)
        storages[key] = np.fromfile(file, kinds[key], count)
    return {
        name: _view(storages[key], offset, shape, strides)
        for name, ((_, key), offset, shape, strides) in described.items()
    }


def _view(
    flat: np.ndarray[Any, Any], offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
) -> np.ndarray[Any, Any]:
    steps = [flat.itemsize * step for step in strides]
    view = np.lib.stride_tricks.as_strided(flat[offset:], shape, steps)
    return np.ascontiguousarray(view)


def main() -> None:
    """Convert one file."""
    source, target = map(Path, sys.argv[1:])
    with source.open("rb") as file:
        tensors = {name.removeprefix("bert."): array for name, array in read(file).items()}
    save_file(dict(sorted(tensors.items())), target)
    print(f"{target.name}: {len(tensors)} tensors")


if __name__ == "__main__":
    main()
