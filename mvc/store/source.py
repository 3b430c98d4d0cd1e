"""Where incoming bytes come from: memory, or a span of an open file.

Files are read into buffers that the writer reuses, never mapped: mapped input counts as the
process's own memory, and a file that shrinks under a mapping kills the process.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from mvc.errors import MvcError
from mvc.ids import ObjectId
from mvc.store.fs import explained
from mvc.store.memory import copy
from mvc.values import dataclass

_SEEK = threading.Lock()


class ByteSource(Protocol):
    """``length`` bytes that can be read more than once, from several threads."""

    @property
    def length(self) -> int:
        """Bytes in all."""
        ...

    def read_into(self, offset: int, buffer: memoryview) -> None:
        """Fill ``buffer`` with the bytes from ``offset`` on.

        Raises:
            MvcError: the source does not hold them any more.
        """
        ...


class Candidate(NamedTuple):
    """An object that something to store may resemble, the dtype of its elements, and, of a tensor, its
    shape."""

    id: ObjectId
    dtype: str | None
    shape: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Incoming:
    """Bytes to store. ``dtype`` (a name of ``mvc.dtypes``) only picks the codec; None is plain
    bytes. ``bases`` gives objects that these bytes may resemble, the likeliest first; it is asked
    only if the store lacks them."""

    source: ByteSource
    dtype: str | None = None
    bases: Callable[[], Sequence[Candidate]] | None = None


@dataclass(frozen=True, slots=True)
class BytesSource:
    """Bytes in memory."""

    data: bytes | bytearray | memoryview

    @property
    def length(self) -> int:
        """Bytes in all."""
        return memoryview(self.data).nbytes

    def read_into(self, offset: int, buffer: memoryview) -> None:
        """Copy out of the memory."""
        copy(memoryview(self.data).cast("B")[offset : offset + len(buffer)], buffer)


@dataclass(frozen=True, slots=True)
class FileSpan:
    """``length`` bytes from ``offset`` of the open file ``descriptor``; ``path`` is for
    messages."""

    descriptor: int
    offset: int
    length: int
    path: str

    def read_into(self, offset: int, buffer: memoryview) -> None:
        """Read at a position, leaving the descriptor's own alone.

        Raises:
            MvcError: the file is shorter than it was.
            StorageError: the disk refused.
        """
        with explained("read", self.path):
            filled = read_at(self.descriptor, buffer, self.offset + offset)
        if filled != len(buffer):
            raise MvcError(
                f"{self.path} became shorter while it was read",
                hint="wait until nothing writes to it, then add it again",
            )


def read_at(descriptor: int, buffer: memoryview, offset: int) -> int:
    """Fill ``buffer`` from ``offset`` of a file; fewer bytes only at its end. Safe between
    threads."""
    filled = 0
    while filled < len(buffer):
        if hasattr(os, "preadv"):
            got = os.preadv(descriptor, [buffer[filled:]], offset + filled)
        else:  # Windows
            with _SEEK:
                os.lseek(descriptor, offset + filled, os.SEEK_SET)
                data = os.read(descriptor, len(buffer) - filled)
            got = len(data)
            buffer[filled : filled + got] = data
        if got == 0:
            break
        filled += got
    return filled
