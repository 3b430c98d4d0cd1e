"""Where a model's tensors come from: a commit, or a commit with what a step has made of it laid over.

Owns finding the model in a commit and reading its tensors, one at a time and never kept; its configuration and
tokenizer are files beside it. Knows no module of transformers.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from compress import forms
from compress.matrix import Tensor
from mvc.dtypes import nbytes
from mvc.errors import UsageError
from mvc.history.manifest import Entry
from mvc.repository import Repository

#: Files beside a model that are larger are no configuration and no tokenizer.
_LARGEST = 64 << 20


class Weights(Protocol):
    """Tensors by the names that the file has."""

    @property
    def names(self) -> Collection[str]:
        """All of them."""
        ...

    @property
    def config(self) -> Mapping[str, Any]:
        """``config.json``."""
        ...

    def read(self, name: str) -> Tensor:
        """One, in the dtype of the file; KeyError if there is none."""
        ...

    def dtype(self, name: str) -> str | None:
        """Its dtype, as safetensors calls it; None if there is none."""
        ...


class Committed:
    """The model of a commit: ``path`` is its file or index, ``folder`` where its configuration is."""

    def __init__(self, repo: Repository, revision: str = "HEAD", path: str | None = None) -> None:
        self._repo, self.revision = repo, repo.resolve(revision)
        self.path = _found(repo, self.revision, path)
        self.folder = self.path.rpartition("/")[0]
        self._tensors = repo.load(self.revision, self.path, framework="pt", keep=False)
        entries = _entries(repo, self.revision)
        self._dtypes = {name: entry.dtype for name, entry in entries.items()}
        self._sizes = {name: nbytes(e.dtype, e.shape) for name, e in entries.items()}
        self._values = {name: entry.value for name, entry in entries.items()}
        self.config: dict[str, Any] = json.loads(self.text("config.json"))

    @property
    def names(self) -> Collection[str]:
        """Every tensor's name."""
        return self._tensors.keys()

    def read(self, name: str) -> Tensor:
        """One tensor, decoded anew each time."""
        return self._tensors[name]

    def dtype(self, name: str) -> str | None:
        """The dtype in the file."""
        return self._dtypes.get(name)

    def identity(self, name: str) -> object:
        """What two tensors have in common if they are the same to the bit; None if there is none."""
        return self._values.get(name)

    def sizes(self) -> dict[str, int]:
        """Bytes of each of the model's tensors."""
        return {name: size for name, size in self._sizes.items() if name in self._tensors}

    def text(self, name: str) -> bytes:
        """A file beside the model; UsageError if there is none."""
        path = f"{self.folder}/{name}" if self.folder else name
        return b"".join(map(bytes, self._repo.read_file(path, self.revision)))

    @contextmanager
    def unpacked(self) -> Iterator[str]:
        """A temporary folder with all that is beside the model, for whoever reads a folder, and no weights."""
        with tempfile.TemporaryDirectory(prefix="mvc-compress-") as target:
            for path, name in self._beside():
                with open(os.path.join(target, name), "wb") as file:
                    for chunk in self._repo.read_file(path, self.revision):
                        file.write(chunk)
            yield target

    def _beside(self) -> Iterator[tuple[str, str]]:
        snapshot = self._repo.snapshot(self.revision)
        for path in snapshot:
            folder, _, name = path.rpartition("/")
            if folder != self.folder or name.endswith(".index.json"):
                continue
            manifest = snapshot.manifest(path)
            if manifest is None or (manifest.content is not None and manifest.size <= _LARGEST):
                yield path, name


class Overlaid:
    """``below`` with other tensors in place of its own, without those ``gone``: what is not committed yet."""

    def __init__(
        self,
        below: Weights,
        over: Mapping[str, Any],
        gone: Collection[str] = (),
        config: Mapping[str, Any] | None = None,
    ) -> None:
        self._below, self._over, self._gone = below, over, set(gone)
        self.config: Mapping[str, Any] = below.config if config is None else config

    @property
    def names(self) -> Collection[str]:
        """What is left of those below, and the new ones."""
        return (set(self._below.names) - self._gone) | set(self._over)

    def read(self, name: str) -> Tensor:
        """The new tensor, or the one below."""
        if name in self._over:
            return self._over[name]
        return self._below.read(name)

    def dtype(self, name: str) -> str | None:
        """Of the new tensor, or of the one below."""
        if name in self._over:
            from mvc.arrays import to_bytes

            return to_bytes(self._over[name].flatten()[:1])[0]
        return self._below.dtype(name)


class Part(Mapping[str, Tensor]):
    """The tensors called ``names``, each read when it is asked for."""

    def __init__(self, read: Callable[[str], Tensor], names: Iterable[str]) -> None:
        self._read, self._names = read, dict.fromkeys(names)

    def __getitem__(self, name: str) -> Tensor:
        if name not in self._names:
            raise KeyError(name)
        return self._read(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names


class Sums(Mapping[str, Any]):
    """``<module>.weight`` of ``weights`` plus what is ``added``, as the file has it; made when asked for."""

    def __init__(self, weights: Weights, added: Mapping[str, Tensor]) -> None:
        self._weights, self._added = weights, added

    def __getitem__(self, name: str) -> Tensor:
        added = self._added[name.removesuffix(".weight")]
        return dense(self._weights, name.removesuffix(".weight")).float() + added

    def __iter__(self) -> Iterator[str]:
        return (f"{module}.weight" for module in self._added)

    def __len__(self) -> int:
        return len(self._added)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.removesuffix(".weight") in self._added


def dense(weights: Weights, module: str) -> Tensor:
    """The weight of ``module`` as it computes, whatever form it lies in; KeyError if it is not there."""
    form = forms.form_of(weights.names, module)
    if form is None:
        raise KeyError(f"{module}.weight")
    return form.dense(weights.read, module, weights.config)


def stored_as(weights: Weights, module: str) -> list[str]:
    """The names of the tensors that are the weight of ``module`` now; none if it is not there."""
    form = forms.form_of(weights.names, module)
    return [] if form is None else form.stored(weights.names, module)


def file_dtype(weights: Weights, *names: str) -> Any:
    """The torch dtype that the file has for the first of ``names`` that is of numbers; else the model's."""
    import torch

    kinds = {
        "F32": torch.float32,
        "BF16": torch.bfloat16,
        "F16": torch.float16,
        "F64": torch.float64,
    }
    known = [kinds[kind] for name in names if (kind := weights.dtype(name) or "") in kinds]
    if known:
        return known[0]
    said = weights.config.get("dtype") or weights.config.get("torch_dtype")
    return getattr(torch, str(said), torch.float32)


def _entries(repo: Repository, revision: str) -> dict[str, Entry]:
    snapshot = repo.snapshot(revision)
    manifests = (snapshot.manifest(path) for path in snapshot)
    return {entry.name: entry for one in manifests if one for entry in one.tensors}


def _found(repo: Repository, revision: str, path: str | None) -> str:
    """The model to work on: the one asked for, or the only one with a ``config.json`` beside it."""
    from mvc.formats.sharded import models

    snapshot = repo.snapshot(revision)
    there = set(snapshot)
    candidates = []
    for model in models(snapshot, snapshot.blob):
        name = model.index or model.files[0]
        folder = name.rpartition("/")[0]
        config = f"{folder}/config.json" if folder else "config.json"
        if config in there:
            candidates.append(name)
        if path is not None and path in (name, model.name, *model.files):
            if config not in there:
                raise UsageError(
                    f"{path} has no config.json beside it that says what model it is",
                    hint="mvc add config.json, and the tokenizer's files",
                )
            return name
    if path is not None:
        raise UsageError(f"'{path}' is no model of {revision[:7]}", hint="mvc ls")
    if len(candidates) != 1:
        raise UsageError(
            f"the commit holds {len(candidates)} models with a config.json ({', '.join(candidates)})"
            if candidates
            else "the commit holds no model with a config.json beside it",
            hint="--model PATH" if candidates else "mvc add model.safetensors config.json",
        )
    return candidates[0]
