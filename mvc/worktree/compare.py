"""Whether files on disk are what the stage, or a commit, says they are.

Owns the comparison of one tracked path. The stat cache answers where it may be trusted; else the file is read
against the skeleton and the ids of its spans, and reading stops at the first difference. Equal means: byte for
byte what a checkout would write. No format is parsed, so a damaged model file compares like any other.
"""

from __future__ import annotations

import os
import stat
from contextlib import closing
from typing import Literal

from mvc import limits
from mvc.errors import IntegrityError, MvcError, StorageError
from mvc.formats.layout import Storage
from mvc.history import files as whole_files
from mvc.history.context import Context
from mvc.history.manifest import Manifest
from mvc.history.snapshot import Snapshot
from mvc.worktree import index
from mvc.worktree.hashing import hash_span, hash_spans
from mvc.worktree.index import Known
from mvc.worktree.ingest import Progress, known
from mvc.worktree.place import look, same_mode
from mvc.worktree.reading import OpenFile, open_file

State = Literal["same", "modified", "deleted", "typechange"]


class Comparison:
    """Compares paths of one work tree; keeps what it learns for the stat cache.

    ``progress`` hears of the bytes that are read; their total grows with each file that has to be.
    """

    def __init__(self, context: Context, progress: Progress | None = None) -> None:
        self._context = context
        self._progress = progress
        self._done = self._total = 0
        self._index = index.load(context)
        self._learned: dict[str, Known] = {}

    def state(self, files: Snapshot, path: str) -> State:
        """How the file at ``path`` differs from ``files``, which has it. A changed mode is "modified".

        Raises:
            StorageError: the file can't be read.
            IntegrityError: what it should be can't be read.
        """
        status = look(self._context.root, path)
        if status is None or stat.S_ISDIR(status.st_mode):
            return "deleted"
        if not stat.S_ISREG(status.st_mode):
            return "typechange"
        mode = files[path][0]
        same = self.has_content(files, path, status) and same_mode(status, mode)
        return "same" if same else "modified"

    def knows(self, path: str) -> bool:
        """Whether the stat cache says what the file is, so that ``state`` need not read it."""
        status = look(self._context.root, path)
        return status is not None and self._index.blob(path, status) is not None

    def has_content(self, files: Snapshot, path: str, status: os.stat_result) -> bool:
        """Whether the regular file at ``path``, with this ``lstat``, has the bytes that ``files`` gives it."""
        blob = files[path][1]
        cached = self._index.blob(path, status)
        if cached is not None:
            return cached == blob
        try:
            with open_file(self._context.root, path) as opened:
                self._total += opened.size
                end = self._total
                same = self._equal(files, path, opened)
                self._advance(end - self._done)
        except (StorageError, IntegrityError):
            raise
        except MvcError:  # it is being written, or became something else, this very moment
            return False
        if same:
            self._learned[path] = known(opened, blob)
        return same

    def remember(self) -> None:
        """Hand what was learned to the stat cache, as well as that goes."""
        if self._learned or not index.is_current(self._context, self._index):
            index.refresh(self._context, self._learned)

    def _equal(self, files: Snapshot, path: str, opened: OpenFile) -> bool:
        manifest = files.manifest(path)
        if manifest is None:
            data = files.blob(path)
            return opened.size == len(data) and opened.read() == data
        if opened.size != manifest.size:
            return False
        if manifest.content is not None:
            return hash_span(opened.whole()) == manifest.content
        return self._equal_model(manifest, path, opened)

    def _equal_model(self, manifest: Manifest, path: str, opened: OpenFile) -> bool:
        skeleton, ids = whole_files.plan(self._context.store, manifest, path)
        for piece in skeleton.pieces():
            if not isinstance(piece, Storage) and not _reads(opened, *piece):
                return False
        spans = (opened.span(span.offset, span.length) for span in skeleton.spans)
        with closing(hash_spans(spans)) as found:
            for id_, span in zip(found, skeleton.spans, strict=True):
                if id_ != ids[span.key]:
                    return False
                self._advance(span.length)
        return True

    def _advance(self, more: int) -> None:
        self._done += more
        if self._progress is not None:
            self._progress("reading", self._done, self._total)


def _reads(opened: OpenFile, offset: int, expected: memoryview) -> bool:
    buffer = memoryview(bytearray(min(limits.MIB, len(expected))))
    for start in range(0, len(expected), limits.MIB):
        wanted = expected[start : start + limits.MIB]
        piece = buffer[: len(wanted)]
        opened.span(offset + start, len(wanted)).read_into(0, piece)
        if piece != wanted:
            return False
    return True
