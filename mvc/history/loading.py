"""The tensors of a commit as a mapping of arrays, each decoded on first use."""

from __future__ import annotations

from mvc.arrays import LazyTensors
from mvc.errors import UsageError
from mvc.formats.sharded import models
from mvc.history.context import Context
from mvc.history.manifest import Entry, Manifest
from mvc.history.snapshot import Snapshot
from mvc.history.tensors import tensor_bytes


def load(context: Context, files: Snapshot, path: str | None, framework: str) -> LazyTensors:
    """The tensors of the model ``path`` (a file, a shard index, or None for the only model).

    Raises:
        UsageError: ``path`` names no model, or several models could be meant.
    """
    found: dict[str, tuple[Manifest, Entry]] = {}
    for file in _model_files(files, path):
        manifest = files.manifest(file)
        if manifest is not None:
            found.update((entry.name, (manifest, entry)) for entry in manifest.tensors)

    def read(name: str) -> bytes:
        manifest, entry = found[name]
        return tensor_bytes(context.store, manifest, entry)

    described = {name: (entry.dtype, entry.shape) for name, (_, entry) in found.items()}
    return LazyTensors(described, read, framework)


def _model_files(files: Snapshot, path: str | None) -> tuple[str, ...]:
    groups = {
        model.name: model.files
        for model in models(files, files.blob)
        if any((m := files.manifest(f)) is not None and m.tensors for f in model.files)
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
