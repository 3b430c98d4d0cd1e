"""Files anywhere on disk as one side of a diff: no repository is needed, and nothing is stored.

Links to files are followed: a model of the Hugging Face cache is a folder of them. It knows neither stage nor
commit; each file is hashed once, when ``files`` is first asked for.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from functools import cached_property

from mvc.errors import FormatError, MvcError
from mvc.history.manifest import Entry, Manifest
from mvc.ids import BlobId, object_id
from mvc.limits import WINDOW
from mvc.store.fs import explained
from mvc.worktree.described import manifest_of
from mvc.worktree.hashing import hash_spans
from mvc.worktree.ingest import Progress
from mvc.worktree.reading import Content, Model, OpenFile, Text, classify, open_at
from mvc.worktree.tensor_files import TensorFiles

_SKIPPED = {".git", ".mvc"}


def below(folder: str) -> dict[str, str]:
    """Every file below ``folder`` but those of repositories: its path there (with ``/``), and its place.

    Raises:
        StorageError: a folder can't be listed.
    """
    found = {}
    with explained("list", folder):
        for here, folders, names in os.walk(folder, onerror=_refused):
            folders[:] = [name for name in folders if name not in _SKIPPED]
            for name in names:
                place = os.path.join(here, name)
                if os.path.isfile(place):
                    found[os.path.relpath(place, folder).replace(os.sep, "/")] = place
    return found


class FilesSide:
    """``places`` says where each file lies, by the path that it goes by in the diff.

    A model file that its format refuses is an error; with ``lenient`` it is shown as plain bytes.
    """

    def __init__(
        self, places: Mapping[str, str], progress: Progress | None = None, *, lenient: bool = False
    ) -> None:
        self._places = places
        self._progress = progress
        self._lenient = lenient
        self._manifests: dict[str, Manifest | None] = {}
        self._states: dict[str, tuple[int, int, int]] = {}
        self._tensors = TensorFiles(self._opened)

    @cached_property
    def files(self) -> Mapping[str, tuple[int, BlobId]]:
        """``path -> (mode, blob id)``."""
        return {path: self._describe(path) for path in self._places}

    def manifest(self, path: str) -> Manifest | None:
        """The manifest of a file that is not text."""
        self.files  # noqa: B018 - it fills what is asked here
        return self._manifests[path]

    def text(self, path: str) -> bytes:
        """The content of a text file."""
        with self._opened(path) as opened:
            self._check(path, opened)
            return opened.read()

    def rest(self, path: str) -> bytes:
        """All that a model file holds besides the bytes of its storages and checksums of them."""
        return self._tensors.rest(path)

    def chunks(self, path: str, entry: Entry, window: int = WINDOW) -> Iterator[memoryview]:
        """The row-major bytes of one tensor, or of a whole file that no format describes.

        Raises:
            MvcError: the file changed since it was described.
        """
        with self._opened(path) as opened:
            self._check(path, opened)
        yield from self._tensors.pieces(path, entry, window)

    def _opened(self, path: str) -> AbstractContextManager[OpenFile]:
        return open_at(os.path.realpath(self._places[path]), self._places[path])

    def _check(self, path: str, opened: OpenFile) -> None:
        if self._states.setdefault(path, _state(opened)) != _state(opened):
            raise MvcError(
                f"{opened.path} changed while it was compared",
                hint="let the program that writes it finish, then run the same command again",
            )

    def _describe(self, path: str) -> tuple[int, BlobId]:
        with self._opened(path) as opened:
            self._states[path] = _state(opened)
            content = self._content(opened)
            if isinstance(content, Text):
                self._manifests[path] = None
                return opened.mode, _blob(content.data)
            spans = [opened.whole()]
            skeleton = None
            if isinstance(content, Model):
                spans = [opened.span(s.offset, s.length) for s in content.layout.storages]
                skeleton = object_id(content.skeleton.encode())
            ids, done = [], 0
            for span, id_ in zip(spans, hash_spans(spans), strict=True):
                ids.append(id_)
                done += span.length
                if self._progress is not None:
                    self._progress(f"hashing {opened.path}", done, opened.size)
            manifest = manifest_of(opened, content, ids, skeleton)
        self._manifests[path] = manifest
        return opened.mode, _blob(manifest.encode())

    def _content(self, opened: OpenFile) -> Content:
        try:
            return classify(opened)
        except FormatError as error:
            if self._lenient:
                return classify(opened, opaque=True)
            raise type(error)(error.message) from error  # the hint is about adding it


def _state(opened: OpenFile) -> tuple[int, int, int]:
    return (opened.status.st_ino, opened.status.st_size, opened.status.st_mtime_ns)


def _blob(data: bytes) -> BlobId:
    header = b"blob %d\0" % len(data)
    return BlobId(hashlib.sha1(header + data, usedforsecurity=False).hexdigest())


def _refused(error: OSError) -> None:
    raise error
