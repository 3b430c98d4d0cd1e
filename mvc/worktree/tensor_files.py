"""The tensors of model files on disk: read piece by piece, straight from the file.

Owns the way from a manifest's line to bytes of a file that was not stored. It trusts nothing that it
remembers: whoever asks must see that the file is still the one that was described.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple

from mvc.errors import MissingObject
from mvc.formats.layout import Storage, Tensor
from mvc.history.manifest import Entry
from mvc.history.side import rest
from mvc.store.source import FileSpan
from mvc.worktree.reading import Model, OpenFile, classify
from mvc.worktree.views import view_pieces


class _Model(NamedTuple):
    """A model file on disk; ``storages`` by their keys."""

    content: Model
    storages: dict[str, Storage]


class TensorFiles:
    """Files that ``opening`` opens by their paths."""

    def __init__(self, opening: Callable[[str], AbstractContextManager[OpenFile]]) -> None:
        self._opening = opening
        self._models: dict[tuple[str, int, int], _Model] = {}

    def rest(self, path: str) -> bytes:
        """All that the model file holds besides the bytes of its storages and checksums of them."""
        with self._opening(path) as opened:
            model = self._model(opened)
            if model is None:
                raise MissingObject(f"{path} has no tensors any more")
            content = model.content
        return rest(content.layout.format, content.skeleton.encode())

    def pieces(self, path: str, entry: Entry, window: int) -> Iterator[memoryview]:
        """The row-major bytes of a tensor, or all those of a file that no format describes, at most
        ``window`` at a time; a piece is valid until the next.

        Raises:
            MissingObject: the file has no such tensor any more.
            MvcError: it changes, or can't be read.
        """
        with self._opening(path) as opened:
            if self._model(opened) is None:
                yield from _windows(opened.whole(), window)
                return
            storage = self._storage(opened, entry.storage or entry.name)
            if entry.storage is None:
                yield from _windows(opened.span(storage.offset, storage.length), window)
                return
            view = Tensor(
                entry.name, entry.dtype, entry.shape, entry.storage, entry.offset, entry.strides
            )
            for piece in view_pieces(opened, storage, view):
                yield memoryview(piece)

    def _storage(self, opened: OpenFile, key: str) -> Storage:
        model = self._model(opened)
        if model is None or key not in model.storages:
            raise MissingObject(f"{opened.path} has no storage {key!r} any more")
        return model.storages[key]

    def _model(self, opened: OpenFile) -> _Model | None:
        """Where what lies; None of a file without tensors. The header is read once: reading it for each of
        2,000 tensors took minutes. Should the file change within its times' grain, the tensor's hash tells."""
        state = (opened.path, opened.status.st_size, opened.status.st_mtime_ns)
        if state not in self._models:
            content = classify(opened)
            if not isinstance(content, Model):
                return None
            storages = {storage.key: storage for storage in content.layout.storages}
            self._models[state] = _Model(content, storages)
        return self._models[state]


def _windows(span: FileSpan, window: int) -> Iterator[memoryview]:
    """The bytes of a span; each piece is in the same memory as the one before."""
    buffer = memoryview(bytearray(min(window, span.length)))
    for start in range(0, span.length, window):
        piece = buffer[: min(window, span.length - start)]
        span.read_into(start, piece)
        yield piece
