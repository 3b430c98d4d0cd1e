"""Opening a user's file to read it, and telling what kind of content it has.

Owns the promise that what was read is one state of the file: a file that changes meanwhile, or that is no
regular file, is an error and never a mixture. It knows formats, not where bytes are kept, and never writes.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from shlex import quote
from typing import BinaryIO

from mvc import formats, limits
from mvc.errors import FormatError, MvcError, UsageError
from mvc.formats import skeleton, sniff
from mvc.formats.layout import Layout
from mvc.history.manifest import is_manifest
from mvc.store.fs import explained
from mvc.store.source import FileSpan
from mvc.values import dataclass
from mvc.worktree.index_text import TICK
from mvc.worktree.place import check_way, git_mode, locate

_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a pipe put in the file's place must not hang the command
)


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A regular file, open for reading. ``seen``: the clock in ns just before it was opened."""

    path: str
    file: BinaryIO
    status: os.stat_result
    seen: int

    @property
    def size(self) -> int:
        """In bytes."""
        return self.status.st_size

    @property
    def mode(self) -> int:
        """Git's file mode."""
        return git_mode(self.status)

    def span(self, offset: int, length: int) -> FileSpan:
        """A piece of the file as a source for the store."""
        return FileSpan(self.file.fileno(), offset, length, self.path)

    def whole(self) -> FileSpan:
        """All of it."""
        return self.span(0, self.size)

    def read(self) -> bytes:
        """All of it, in memory: for text."""
        data = bytearray(self.size)
        self.whole().read_into(0, memoryview(data))
        return bytes(data)


@dataclass(frozen=True, slots=True)
class Text:
    """A small UTF-8 file, kept as a plain Git blob."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Plain:
    """Bytes that no format describes."""


@dataclass(frozen=True, slots=True)
class Model:
    """A file whose tensors are known."""

    layout: Layout
    skeleton: skeleton.Skeleton


Content = Text | Plain | Model


@contextmanager
def open_file(root: str, path: str, *, patient: bool = False) -> Iterator[OpenFile]:
    """The tracked ``path``, to be read inside the block.

    A change in the same tick of the clock as the one before it leaves no mark in the file's times. So whoever
    records what is read is ``patient``, and begins when the tick of the last change is over.

    Raises:
        UsageError: it is no regular file, or lies beyond a symbolic link.
        MvcError: it vanished, or changed before the block ended; nothing that was read counts.
        StorageError: it can't be read.
    """
    check_way(root, path)
    with open_at(locate(root, path), path, patient=patient) as opened:
        yield opened


@contextmanager
def open_at(place: str, path: str, *, patient: bool = False) -> Iterator[OpenFile]:
    """``open_file`` for a file anywhere: ``place`` is where it lies, ``path`` what messages call it.

    Raises:
        As ``open_file``.
    """
    seen = time.time_ns()
    with explained("read", path):
        try:
            _check_kind(path, os.lstat(place))
            file = open(os.open(place, _FLAGS), "rb")  # noqa: SIM115 - closed below
        except FileNotFoundError as error:
            raise MvcError(
                f"{path} vanished before it was read; nothing was recorded",
                hint="run the same command again",
            ) from error
    with file:
        status = os.fstat(file.fileno())
        _check_kind(path, status)
        if patient and 0 <= (age := seen - status.st_mtime_ns) < TICK:
            time.sleep((TICK - age) / 1e9)
            seen, status = time.time_ns(), os.fstat(file.fileno())
        try:
            yield OpenFile(path, file, status, seen)
        except FormatError:
            _check_unchanged(path, file, status)
            raise
        _check_unchanged(path, file, status)


def classify(opened: OpenFile, *, opaque: bool = False) -> Content:
    """What kind of content the file has; reads only what lies outside its tensors.

    With ``opaque``, a file that has, or should have, a format is plain bytes.

    Raises:
        FormatError: the file is refused; the message begins with its path, the hint names ``--opaque``.
    """
    path, file = opened.path, opened.file
    head = _head(opened)
    found = formats.detect(path, head)
    try:
        sniff.check(path, head)
    except FormatError:
        if opaque:
            return Plain()
        raise
    if found is not None and opaque:
        return Plain()
    if found is not None:
        try:
            layout = found.read_layout(file, opened.size)
            return Model(layout, skeleton.cut(file, layout))
        except FormatError as error:
            hint = f"mvc add --opaque {quote(path)} keeps it as plain bytes"
            raise type(error)(f"{path}: {error.message}", hint=hint) from error
    if opened.size <= limits.TEXT_BLOB and _is_text(data := opened.read()):
        return Text(data)
    return Plain()


def _head(opened: OpenFile) -> bytes:
    buffer = bytearray(min(sniff.HEAD, opened.size))
    opened.span(0, len(buffer)).read_into(0, memoryview(buffer))
    return bytes(buffer)


def _is_text(data: bytes) -> bool:
    if b"\0" in data or is_manifest(data):
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _check_kind(path: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        linked = stat.S_ISLNK(status.st_mode)
        hint = "add the file that it points to" if linked else "mvc add . passes over it"
        raise UsageError(f"{path!r} is {kind(status)}; mvc tracks regular files", hint=hint)


def kind(status: os.stat_result) -> str:
    """What a path that is no regular file is, in words."""
    if stat.S_ISLNK(status.st_mode):
        return "a symbolic link"
    return "a folder" if stat.S_ISDIR(status.st_mode) else "a device, pipe or socket"


def _check_unchanged(path: str, file: BinaryIO, before: os.stat_result) -> None:
    after = os.fstat(file.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise MvcError(
            f"{path} changed while it was read; nothing was recorded",
            hint="let the program that writes it finish, then run the same command again",
        )
