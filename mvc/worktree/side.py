"""The work tree as one side of a diff: tracked files as they are on disk, read without being stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property, partial

from blake3 import blake3

from mvc.errors import MvcError
from mvc.history.context import Context
from mvc.history.manifest import BYTES, Entry, Manifest
from mvc.history.side import SnapshotSide
from mvc.history.snapshot import Snapshot
from mvc.history.undecided import carried
from mvc.ids import BlobId
from mvc.limits import WINDOW
from mvc.worktree.compare import Comparison
from mvc.worktree.ingest import Progress, describe_open
from mvc.worktree.reading import open_file
from mvc.worktree.tensor_files import TensorFiles


class WorktreeSide:
    """Files that ``stage`` tracks and that are on disk. Files equal to the stage are read from the store.

    A model file that its format refuses now is shown as plain bytes.
    """

    def __init__(self, context: Context, stage: Snapshot, progress: Progress | None = None) -> None:
        self._context = context
        self._progress = progress
        self._stage = stage
        self._stored = SnapshotSide(stage, context.store)
        self._manifests: dict[str, Manifest | None] = {}
        self._changed = TensorFiles(partial(open_file, context.root))

    @cached_property
    def files(self) -> Mapping[str, tuple[int, BlobId]]:
        """``path -> (mode, blob id)``."""
        comparison = Comparison(self._context, self._progress)
        found: dict[str, tuple[int, BlobId]] = {}
        for path in self._stage:
            state = comparison.state(self._stage, path)
            if state == "same":
                found[path] = self._stage[path]
            elif state == "modified":
                found[path] = self._describe(path)
        comparison.remember()
        return found

    def manifest(self, path: str) -> Manifest | None:
        """The manifest of a file that is not text."""
        if self.files[path] == self._stage[path]:
            return self._stage.manifest(path)
        return self._manifests[path]

    def text(self, path: str) -> bytes:
        """The content of a text file."""
        if self.files[path] == self._stage[path]:
            return self._stage.blob(path)
        with open_file(self._context.root, path) as opened:
            return opened.read()

    def rest(self, path: str) -> bytes:
        """All that a model file holds besides the bytes of its storages and checksums of them."""
        if self.files[path] == self._stage[path]:
            return self._stored.rest(path)
        return self._changed.rest(path)

    def chunks(self, path: str, entry: Entry, window: int = WINDOW) -> Iterator[memoryview]:
        """The row-major bytes of one tensor of ``path``, straight from the file where it has changed.

        Raises:
            MvcError: the file changed since it was described.
        """
        if self.files[path] == self._stage[path]:
            yield from self._stored.chunks(path, entry, window)
            return
        hasher = blake3()
        for piece in self._changed.pieces(path, entry, window):
            hasher.update(piece)
            yield piece
        if hasher.hexdigest() != entry.id:
            raise MvcError(
                f"{path} changed while it was compared",
                hint="let the program that writes it finish, then run the same command again",
            )

    def _describe(self, path: str) -> tuple[int, BlobId]:
        earlier = self._stage.manifest(path)
        opaque = earlier is not None and earlier.format == BYTES
        with open_file(self._context.root, path) as opened:
            blob, manifest = describe_open(
                self._context, opened, True, opaque=opaque, progress=self._progress
            )
        if earlier is not None and earlier.conflicts and manifest is not None:
            manifest = carried(manifest, earlier.conflicts)  # as add and commit -a will have it
            blob = self._context.writer().blob(manifest.encode())
        self._manifests[path] = manifest
        return opened.mode, blob
