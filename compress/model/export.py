"""A model as a folder that transformers reads: one safetensors file and all that is beside it."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

from mvc.arrays import to_bytes
from mvc.formats.layout import ComposedTensor
from mvc.formats.safetensors import EMPTY, SAFETENSORS
from mvc.formats.skeleton import Skeleton

if TYPE_CHECKING:
    from compress.evaluation.evaluator import Subject

FILE = "model.safetensors"


def write(subject: Subject, folder: str) -> None:
    """Write ``subject`` to ``folder``; one tensor is in memory at a time."""
    weights = subject.weights
    with subject.committed.unpacked() as beside:
        for name in os.listdir(beside):
            shutil.copyfile(os.path.join(beside, name), os.path.join(folder, name))
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as text:
        json.dump(dict(weights.config), text, indent=2, sort_keys=True)
    tensors = []
    for name in sorted(weights.names):
        dtype, shape, data = to_bytes(weights.read(name))
        tensors.append(ComposedTensor(name, dtype, shape, len(data)))
    skeleton, layout = SAFETENSORS.compose(EMPTY, tuple(tensors), {"format": "pt"})
    with open(os.path.join(folder, FILE), "wb") as file:
        file.write(Skeleton.decode(skeleton).literal)
        for storage in layout.storages:
            file.seek(storage.offset)
            file.write(to_bytes(weights.read(storage.key))[2])
