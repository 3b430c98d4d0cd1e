"""The tensors of a commit as a mapping of arrays, each decoded on first use."""

from __future__ import annotations

from typing import Any

from mvc.arrays import LazyTensors, to_numpy, to_torch
from mvc.errors import UsageError
from mvc.formats.sharded import models
from mvc.history.context import Context
from mvc.history.manifest import Entry, Manifest
from mvc.history.snapshot import Snapshot
from mvc.history.tensors import tensor_bytes


def load(
    context: Context, files: Snapshot, path: str | None, framework: str, *, keep: bool = True
) -> LazyTensors:
    """The tensors of the model ``path`` (a file, a shard index, or None for the only model).

    ``framework`` is ``np`` or ``pt``, as safetensors calls them. An undecided tensor is ours, as in the file.

    Raises:
        UsageError: ``path`` names no model, or several models could be meant; no such framework.
    """
    makers = {"np": to_numpy, "pt": to_torch}
    if framework not in makers:
        raise UsageError(f"unknown framework '{framework}'", hint="np for NumPy, pt for PyTorch")
    make = makers[framework]
    found: list[tuple[Manifest, Entry]] = []
    for file in _model_files(files, path):
        manifest = files.manifest(file)
        if manifest is not None:
            found += [(manifest, entry) for entry in manifest.written]
    homes = {entry.name: (manifest, entry) for manifest, entry in found}

    def decode(name: str) -> Any:
        manifest, entry = homes[name]
        data = tensor_bytes(context.store, manifest, entry)
        return make(entry.dtype, entry.shape, bytearray(data))

    return LazyTensors((entry.name for _, entry in found), decode, keep=keep)


def _model_files(files: Snapshot, path: str | None) -> tuple[str, ...]:
    groups = {
        model.name: model.files
        for model in models(files, files.blob)
        if any((m := files.manifest(f)) is not None and m.written for f in model.files)
    }
    if path is None:
        if len(groups) == 1:
            return next(iter(groups.values()))
        raise UsageError(
            f"the commit holds {len(groups)} models ({', '.join(groups)}): say which",
            hint='repo.load(revision, "model.safetensors")',
        )
    for name, members in groups.items():
        if path in (name, *members) or path == f"{name}.index.json":
            return members if path not in members else (path,)
    raise UsageError(f"'{path}' is no model of that commit", hint=f"there are: {', '.join(groups)}")
